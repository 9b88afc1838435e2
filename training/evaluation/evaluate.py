"""Measures a trained model on the test pictures: the figures of ``report.json``, and the pictures that they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from training.datasets.dataset import Dataset
from training.errors import EvaluationError
from training.evaluation import explanations
from training.evaluation.calibration import Temperature, calibrated, fit_temperature, measure_calibration
from training.evaluation.categories import evaluate_categories
from training.evaluation.confused import Failures
from training.evaluation.latency import BATCHES, measure_latency
from training.evaluation.metrics import evaluate_answers
from training.evaluation.pictures import FOLDER
from training.evaluation.predictions import Answers, answers, logits
from training.evaluation.strangers import default_strangers, load_strangers
from training.evaluation.unknown import fit_threshold, measure_unknown, most_trusted
from training.networks import KerasModel
from training.predict import predict


@dataclass(frozen=True)
class Evaluation:
    """A measured model.

    Attributes:
        model: With the fitted temperature in its graph.
        figures: Of that model, as plain values for ``report.json``.
    """

    model: KerasModel
    figures: dict[str, Any]


def evaluate(
    model: KerasModel, dataset: Dataset, folder: Path, *, unknown: str | None = None, out: TextIO | None = None
) -> Evaluation:
    """Calibrates the model on the validation pictures and measures it on the test pictures.

    Args:
        model: Has layers named ``features`` and ``logits``.
        dataset: The one that it was trained on. Its pictures may be more than the memory holds.
        folder: The run's; pictures are written into its folder ``evaluation``, in the place of those that were there.
        unknown: Pictures of no known class: a built-in dataset or a path; `default_strangers` if None.
        out: Where long work shows its progress; nowhere if None.

    Raises:
        EvaluationError: There is no test picture, or no picture in `unknown`.
    """
    validation, test = dataset.validation, dataset.test
    if not len(test):
        raise EvaluationError(f"Expected test pictures of {dataset.name} to measure the model on. Received: none")
    for old in (folder / FOLDER).glob("*.png"):
        old.unlink()
    watched = logits(model, validation.images, what="validation", out=out)
    scores = logits(model, test.images, what="test", out=out)
    temperature = fit_temperature(watched, validation.classes)
    tempered = calibrated(model, temperature.value)
    answered = answers(scores, test, temperature.value)
    threshold = fit_threshold(answers(watched, validation, temperature.value).confidence)
    failures = Failures(test, answered, dataset.labels, folder)
    figures = {
        **evaluate_answers(answered.probabilities, test.classes, dataset.labels),
        "categories": evaluate_categories(answered.probabilities, test.classes, dataset.labels),
        "confused": failures.most_confused(),
        "top_losses": failures.top_losses(),
        "calibration": _calibration(temperature, answers(scores, test, 1.0), answered),
        "unknown": _unknown(tempered, dataset, answered, threshold, folder, against=unknown),
        **_explanations(tempered, dataset, answered, folder),
        "latency": measure_latency(tempered, test.images[: max(BATCHES)]),
    }
    return Evaluation(tempered, figures)


def _calibration(temperature: Temperature, before: Answers, after: Answers) -> dict[str, Any]:
    return {
        "temperature": temperature.value,
        "reason": temperature.reason,
        "before": measure_calibration(before),
        "after": measure_calibration(after),
    }


def _unknown(
    model: KerasModel, dataset: Dataset, answered: Answers, threshold: float, folder: Path, *, against: str | None
) -> dict[str, Any]:
    against = against or default_strangers(dataset.name)
    strangers = load_strangers(against, dataset.spec)
    found = predict(model, strangers)
    return {
        **measure_unknown(answered.confidence, found.max(axis=1), threshold, Path(against).name),
        "pictures": most_trusted(strangers, found, dataset.labels, folder),
    }


def _explanations(model: KerasModel, dataset: Dataset, answered: Answers, folder: Path) -> dict[str, Any]:
    reason = explanations.why_not()
    found = [] if reason else explanations.explain(model, dataset.test, answered, dataset.labels, folder)
    return {"explanations": found, "explanations_skipped": reason}
