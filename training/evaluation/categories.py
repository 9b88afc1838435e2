"""Hierarchical labels, ``category/sub-category``: how good the answers are at the upper level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.hierarchy import categories
from training.evaluation.metrics import evaluate_answers

_KEPT = ("accuracy", "macro", "per_class", "confusion_matrix")


def evaluate_categories(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, Any] | None:
    """The figures of the categories, each as probable as its sub-categories together; None for flat labels.

    Args:
        probabilities: float32 [N, K].
        classes: int64 [N], the right ones.
        labels: K class names.

    Returns:
        ``labels`` of the categories, and their ``accuracy``, ``macro``, ``per_class`` and ``confusion_matrix``.
    """
    found = categories(tuple(labels))
    if found is None:
        return None
    names, index = found
    member = np.zeros((len(labels), len(names)), np.float32)
    member[np.arange(len(labels)), index] = 1
    figures = evaluate_answers(probabilities @ member, index[classes], names)
    return {"labels": list(names), **{key: figures[key] for key in _KEPT}}
