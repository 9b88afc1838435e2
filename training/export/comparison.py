"""A new model and the version that is live, measured on the same pictures.

If these cannot be had any more, the figures of their reports take their place, provided that both trainings had the
same test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.card import CardError, ModelCard
from training.export.held_out import CannotCompare, HeldOut, load_held_out
from training.export.live import Version
from training.export.signatures import SERVING_DEFAULT
from training.export.verify import loaded
from training.networks import KerasModel
from training.predict import predict
from training.runs import Run

_BATCH = 256
Basis = Literal["same pictures", "recorded figures"]


@dataclass(frozen=True)
class Figures:
    """What is compared, both from 0 to 1."""

    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Comparison:
    """Two models' figures on one test set.

    Attributes:
        basis: Whether both were measured now, or what their reports say was taken.
        reason: Why only the reports' figures could be had; empty otherwise.
        pictures: How many the figures are of.
        new: The new model's figures.
        live: The live version's.
        standard_error: Of the difference in accuracy: what chance does with so many pictures.
    """

    basis: Basis
    reason: str
    pictures: int
    new: Figures
    live: Figures
    standard_error: float


def compare(run: Run, model: KerasModel, live: Version) -> Comparison:
    """Measures a run's model and the live version.

    Args:
        run: The finished run.
        model: Its Keras model.
        live: The version.

    Raises:
        CannotCompare: Neither the pictures nor figures on the same test set can be had.
    """
    try:
        return _on_same_pictures(run, model, live)
    except CannotCompare as reason:
        recorded = _on_recorded_figures(run, live, str(reason))
        if recorded is None:
            raise
        return recorded


def _on_same_pictures(run: Run, model: KerasModel, live: Version) -> Comparison:
    try:
        card = live.read_card()
    except (OSError, CardError) as error:
        raise CannotCompare(f"the live version's card cannot be read ({error})") from error
    labels = run.read_card().labels
    _check_labels(labels, card.labels)
    held_out = load_held_out(run)
    right = held_out.classes
    answers = predict(model, held_out.dataset.test.images).argmax(axis=1)
    order = [card.labels.index(label) for label in labels]
    live_answers = _served(live, card, held_out)[:, order].argmax(axis=1)
    new, old = (_figures(given, right, len(labels)) for given in (answers, live_answers))
    chance = paired_error(answers == right, live_answers == right)
    return Comparison("same pictures", "", len(right), new, old, chance)


def _on_recorded_figures(run: Run, live: Version, reason: str) -> Comparison | None:
    """From the two reports; None unless both tell of the same test set."""
    reports = [run.read_report(), live.read_report()]
    if _test_set(reports[0]) is None or _test_set(reports[0]) != _test_set(reports[1]):
        return None
    new, old = (Figures(report["accuracy"], report["macro"]["f1"]) for report in reports)
    pictures = int(reports[0]["counts"]["test"])
    variance = sum(figures.accuracy * (1 - figures.accuracy) / pictures for figures in (new, old))
    return Comparison("recorded figures", reason, pictures, new, old, float(np.sqrt(variance)))


def _test_set(report: dict[str, Any]) -> tuple[Any, ...] | None:
    """What decides which pictures a training was tested on; None if the report does not have all that is needed."""
    try:
        float(report["accuracy"]), float(report["macro"]["f1"])
        return report["dataset"], report["labels"], report["counts"], report["settings"]["seed"]
    except (KeyError, TypeError, ValueError):
        return None


def _check_labels(new: Sequence[str], live: Sequence[str]) -> None:
    if set(new) != set(live):
        only_new, only_live = sorted(set(new) - set(live)), sorted(set(live) - set(new))
        raise CannotCompare(f"its labels are others (only the new model has {only_new}, only it has {only_live})")


def _served(live: Version, card: ModelCard, held_out: HeldOut) -> NDArray[np.float32]:
    """The probabilities float32 [N, K] that the live version answers."""
    images = held_out.images(card.image)
    batches = [np.ascontiguousarray(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
    try:
        with loaded(live.folder) as serve:
            return np.concatenate([serve(SERVING_DEFAULT, batch)["probabilities"] for batch in batches])
    except (tf.errors.OpError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise CannotCompare(f"it cannot be run ({error})") from error


def _figures(answers: NDArray[np.int64], right: NDArray[np.int64], classes: int) -> Figures:
    from sklearn.metrics import f1_score

    f1 = f1_score(right, answers, labels=np.arange(classes), average="macro", zero_division=0.0)
    return Figures(float((answers == right).mean()), float(f1))


def paired_error(right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> float:
    """The standard error of a difference in accuracy on the same N pictures.

    Only the pictures count of which one is answered rightly and the other is not, as in McNemar's test (1947).

    Args:
        right: bool [N], whether the one model is right.
        other_right: bool [N], whether the other is.
    """
    differences = right.astype(np.float64) - other_right
    return float(differences.std() / np.sqrt(len(differences)))
