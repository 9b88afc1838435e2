"""Writes what a training leaves behind into its run's folder: model, figures, pictures, and the card last of all."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ModelCard
from contract.versions import write_atomically
from training.datasets.dataset import Dataset, Part
from training.evaluation.card import card_metrics, card_thresholds
from training.evaluation.confusion_matrix import draw_confusion_matrix
from training.evaluation.evaluate import Evaluation, evaluate
from training.provenance import framework, git_commit, header
from training.runs import Run, write_json
from training.train import Settings, Trained

_SAMPLES = 10
_TEST_IMAGES = 64


def record(
    run: Run, dataset: Dataset, settings: Settings, trained: Trained, *, name: str, out: TextIO | None = None
) -> dict[str, Any]:
    """Calibrates the model, measures it on the test pictures and writes everything.

    Args:
        run: Its folder is there.
        dataset: What the model was trained on.
        settings: How.
        trained: The outcome.
        name: The model's name, for the card.
        out: Where long work shows its progress; nowhere if None.

    Returns:
        The report.
    """
    write_json(run.history, [asdict(epoch) for epoch in trained.history])
    evaluation = evaluate(trained.model, dataset, run.folder, out=out)
    report = _write_evaluation(run, header(dataset, settings, trained), evaluation)
    _write_pictures(run, dataset)
    card = ModelCard(
        name=name,
        labels=dataset.labels,
        image=dataset.spec,
        metrics=card_metrics(evaluation.figures),
        thresholds=card_thresholds(evaluation.figures),
        dataset=dataset.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        framework=framework(),
        git_commit=git_commit(),
    )
    write_atomically(run.card, card.to_json() + "\n")
    return report


def record_again(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """Puts new figures in the place of a finished run's; what tells of its training stays.

    Returns:
        The report.
    """
    card, known = run.read_card(), run.read_report()
    report = _write_evaluation(run, known, evaluation)
    metrics, thresholds = card_metrics(evaluation.figures), card_thresholds(evaluation.figures)
    write_atomically(run.card, replace(card, metrics=metrics, thresholds=thresholds).to_json() + "\n")
    return report


def _write_evaluation(run: Run, known: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    """Writes the calibrated model, its figures beside what is known of the training, and the confusion matrix."""
    # Aside first: a run that was finished before must never hold half a model.
    aside = run.model.with_name(f"new-{run.model.name}")
    evaluation.model.save(aside)
    aside.replace(run.model)
    report = {**known, **evaluation.figures, "model_bytes": run.model.stat().st_size}
    write_json(run.report, report)
    draw_confusion_matrix(report["confusion_matrix"], report["labels"], run.confusion_matrix)
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
