"""Writes what a training leaves behind into its run's folder: model, figures, pictures, and the card last of all."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ModelCard
from contract.versions import write_atomically
from training.datasets.dataset import Dataset, Part
from training.evaluation.confusion_matrix import draw_confusion_matrix
from training.evaluation.metrics import evaluate_answers
from training.provenance import framework, git_commit, header
from training.runs import Run, write_json
from training.train import Settings, Trained, predict

_SAMPLES = 10
_TEST_IMAGES = 64


def record(run: Run, dataset: Dataset, settings: Settings, trained: Trained, *, name: str) -> dict[str, Any]:
    """Measures the model on the test pictures and writes everything.

    Args:
        run: Its folder is there.
        dataset: What the model was trained on.
        settings: How.
        trained: The outcome.
        name: The model's name, for the card.

    Returns:
        The report.
    """
    probabilities = predict(trained.model, dataset.test.images)
    figures = evaluate_answers(probabilities, dataset.test.classes, dataset.labels)
    report = {**header(dataset, settings, trained), **figures}
    trained.model.save(run.model)
    write_json(run.history, [asdict(epoch) for epoch in trained.history])
    write_json(run.report, report)
    draw_confusion_matrix(figures["confusion_matrix"], dataset.labels, run.confusion_matrix)
    _write_pictures(run, dataset)
    card = ModelCard(
        name=name,
        labels=dataset.labels,
        image=dataset.spec,
        metrics={"accuracy": figures["accuracy"], "log_loss": figures["log_loss"], "macro_f1": figures["macro"]["f1"]},
        dataset=dataset.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        framework=framework(),
        git_commit=git_commit(),
    )
    write_atomically(run.card, card.to_json() + "\n")
    return report


def _write_pictures(run: Run, dataset: Dataset) -> None:
    for folder in (run.samples, run.originals):
        # A run that was stopped while it wrote these is here again.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for number, index in enumerate(_varied(dataset.test, _SAMPLES)):
        label = dataset.labels[dataset.test.classes[index]].replace("/", "-").replace(" ", "-")
        pixels = dataset.test.images[index]
        Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(
            run.samples / f"{number}-{label}.png"
        )
    np.save(run.test_images, dataset.test.images[_varied(dataset.test, _TEST_IMAGES)])
    for number, data in enumerate(dataset.originals):
        (run.originals / str(number)).write_bytes(data)


def _varied(part: Part, count: int) -> NDArray[np.int64]:
    """Indices of so many pictures, no class twice before every class came once."""
    turns = np.zeros(len(part), np.int64)
    for value in np.unique(part.classes):
        members = np.flatnonzero(part.classes == value)
        turns[members] = np.arange(len(members))
    return np.argsort(turns, kind="stable")[:count]
