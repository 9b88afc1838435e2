"""The figures of a classifier's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOP_K = (3, 5)
_MEANS = ("precision", "recall", "f1")
# Of a probability, as in Keras: one that rounds to 0 must not make the mean loss infinite.
_SMALLEST = 1e-7


def evaluate_answers(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, Any]:
    """All figures, as plain values for JSON.

    Args:
        probabilities: float32 [N, K].
        classes: int64 [N], the right ones.
        labels: K class names.

    Returns:
        ``accuracy``, ``top_k`` (``{"3": ..., "5": ...}``, only k below K), ``log_loss``, ``macro`` and ``weighted``
        (means over the classes that occur, each class alike or by its pictures), ``per_class`` (precision, recall, f1,
        support, in the order of `labels`), ``confusion_matrix`` [K][K] (rows: the right class, columns: the answer).
    """
    from sklearn.metrics import confusion_matrix

    indices, answers = np.arange(len(labels)), probabilities.argmax(axis=1)
    per_class = _per_class(answers, classes, labels)
    return {
        "accuracy": float((answers == classes).mean()),
        "top_k": {str(k): top_k_accuracy(probabilities, classes, k) for k in _TOP_K if k < len(labels)},
        "log_loss": log_loss(probabilities, classes),
        "macro": _means(per_class, weights=[float(row["support"] > 0) for row in per_class]),
        "weighted": _means(per_class, weights=[float(row["support"]) for row in per_class]),
        "per_class": per_class,
        "confusion_matrix": confusion_matrix(classes, answers, labels=indices).tolist(),
    }


def losses(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cross-entropy of each picture, in nats: float64 [N] of float32 [N, K] against int64 [N]."""
    right = probabilities[np.arange(len(classes)), classes].astype(np.float64)
    return np.asarray(-np.log(np.maximum(right, _SMALLEST)))


def log_loss(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """Mean cross-entropy, in nats: float32 [N, K] against int64 [N]."""
    return float(losses(probabilities, classes).mean())


def top_k_accuracy(probabilities: NDArray[np.float32], classes: NDArray[np.int64], k: int) -> float:
    """The share of pictures whose right class is among the k most probable ones, the first of equals first."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((best == classes[:, None]).any(axis=1).mean())


def _per_class(answers: NDArray[np.int64], classes: NDArray[np.int64], labels: Sequence[str]) -> list[dict[str, Any]]:
    from sklearn.metrics import precision_recall_fscore_support

    # A class that is never answered has precision 0, not "undefined" and a warning.
    scores = precision_recall_fscore_support(classes, answers, labels=np.arange(len(labels)), zero_division=0.0)
    return [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f1), "support": int(support)}
        for label, p, r, f1, support in zip(labels, *scores, strict=True)
    ]


def _means(per_class: Sequence[dict[str, Any]], weights: Sequence[float]) -> dict[str, float]:
    """Classes without a test picture weigh nothing: their recall is not 0 but unknown."""
    return {name: float(np.average([row[name] for row in per_class], weights=weights)) for name in _MEANS}
