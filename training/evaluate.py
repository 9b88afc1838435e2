"""The figures of a classifier on pictures it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


def evaluate(probabilities: NDArray[np.float32], classes: NDArray[np.int64], labels: Sequence[str]) -> dict[str, Any]:
    """All figures, as plain values for JSON.

    Args:
        probabilities: float32 [N, K].
        classes: int64 [N], the right ones.
        labels: K class names.

    Returns:
        ``accuracy``, ``log_loss``, ``macro`` (unweighted means over the classes), ``per_class`` (precision, recall, f1,
        support, in the order of `labels`), ``confusion_matrix`` [K][K] (rows: the right class, columns: the answer).
    """
    indices = np.arange(len(labels))
    answers = probabilities.argmax(axis=1)
    # A class that is never answered has precision 0, not "undefined" and a warning.
    scores = precision_recall_fscore_support(classes, answers, labels=indices, zero_division=0.0)
    names = ("precision", "recall", "f1", "support")
    per_class = [
        {"label": label, **{name: _plain(values[index]) for name, values in zip(names, scores, strict=True)}}
        for index, label in enumerate(labels)
    ]
    return {
        "accuracy": float((answers == classes).mean()),
        "log_loss": log_loss(probabilities, classes),
        "macro": {name: float(np.mean(values)) for name, values in zip(names[:3], scores[:3], strict=True)},
        "per_class": per_class,
        "confusion_matrix": confusion_matrix(classes, answers, labels=indices).tolist(),
    }


def log_loss(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """Mean cross-entropy, in nats: float32 [N, K] against int64 [N]."""
    right = probabilities[np.arange(len(classes)), classes].astype(np.float64)
    return float(-np.log(np.maximum(right, 1e-7)).mean())


def _plain(value: np.generic) -> int | float:
    return int(value) if np.issubdtype(value.dtype, np.integer) else float(value)
