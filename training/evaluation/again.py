"""Measures the model of a finished run once more: on its own test pictures, or on somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import numpy as np

from contract.card import ModelCard
from training import datasets
from training.datasets.dataset import Dataset, Part
from training.errors import EvaluationError
from training.evaluation.calibration import measure_calibration
from training.evaluation.categories import evaluate_categories
from training.evaluation.evaluate import evaluate
from training.evaluation.metrics import evaluate_answers
from training.evaluation.predictions import Answers
from training.export.trained import load_trained
from training.job import Job
from training.networks import KerasModel
from training.predict import predict
from training.record import record_again
from training.runs import Run


def measure_again(run: Run, *, unknown: str | None = None, out: TextIO | None = None) -> dict[str, Any]:
    """Calibrates and measures the run's model anew on the run's own data, and writes the figures into the run.

    Args:
        run: A finished one.
        unknown: Pictures of no known class, as for `evaluate`.
        out: Where long work shows its progress; nowhere if None.

    Returns:
        The new report.

    Raises:
        RunError: The run is damaged.
        DatasetError: Its data is gone.
        EvaluationError: Its data has other labels now, or `unknown` holds no picture.
    """
    dataset = Job.read(run)[0].load_dataset()
    card = run.read_card()
    if dataset.labels != card.labels or dataset.spec != card.image:
        raise EvaluationError(
            f"Expected the data that {run.folder} was trained on, with the labels {list(card.labels)}. "
            f"Received: {list(dataset.labels)}, {dataset.spec}"
        )
    return record_again(run, evaluate(load_trained(run)[0], dataset, run.folder, unknown=unknown, out=out))


def measure_elsewhere(run: Run, source: str) -> dict[str, Any]:
    """The figures of the run's model on another labelled set; nothing is written.

    Args:
        run: A finished one.
        source: A path, all of whose pictures count; or a built-in dataset or the run's own, of which the test pictures
            do.

    Returns:
        ``dataset``, ``pictures``, the figures of `evaluate_answers`, ``categories``, ``calibration`` and ``kept`` (the
        share of pictures whose answer reaches the card's threshold).

    Raises:
        DatasetError: It cannot be read.
        EvaluationError: It has labels that the model does not know, or pictures of another shape.
    """
    card, model = run.read_card(), load_trained(run)[0]
    own = source in datasets.BUILT_IN or _is_own(run, source)
    dataset = datasets.load(source, spec=None if source in datasets.BUILT_IN else card.image)
    answered = _answers(model, dataset, [dataset.test] if own else _parts(dataset), card)
    return {
        "dataset": dataset.name,
        "pictures": len(answered.classes),
        **evaluate_answers(answered.probabilities, answered.classes, card.labels),
        "categories": evaluate_categories(answered.probabilities, answered.classes, card.labels),
        "calibration": measure_calibration(answered),
        "kept": float((answered.confidence >= card.thresholds.get("known", 0.0)).mean()),
    }


def _is_own(run: Run, source: str) -> bool:
    """Whether the model has seen a part of these pictures in its training."""
    return Path(Job.read(run)[0].source).resolve() == Path(source).expanduser().resolve()


def _parts(dataset: Dataset) -> list[Part]:
    return [part for part in (dataset.train, dataset.validation, dataset.test) if len(part)]


def _answers(model: KerasModel, dataset: Dataset, parts: list[Part], card: ModelCard) -> Answers:
    """The model's answers, with the dataset's classes in the order of the card's labels."""
    strange = [label for label in dataset.labels if label not in card.labels]
    if strange:
        raise EvaluationError(f"Expected labels of {list(card.labels)}. Received in {dataset.name}: {strange}")
    if dataset.spec.shape != card.image.shape:
        raise EvaluationError(f"Expected pictures of shape {card.image.shape}. Received: {dataset.spec.shape}")
    places = np.array([card.labels.index(label) for label in dataset.labels], np.int64)
    probabilities = np.concatenate([predict(model, part.images) for part in parts])
    return Answers(probabilities, places[np.concatenate([part.classes for part in parts])])
