"""Two versions' answers about the same pictures, compared by the names of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", np.bool_, np.float32)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one version says of N pictures.

    Attributes:
        labels: The version's K labels.
        probabilities: float32 [N, K], in the labels' order.
        seconds: How long the model server was asked, waiting for its turn included.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far two versions are of one mind.

    Attributes:
        agrees: bool [N], whether the top class has the same name; where a version has several, one in common will do.
        difference: float64 [N], the mean absolute difference of the probabilities over all labels of either version; a
            label that a version does not have has the probability 0 there.
    """

    agrees: NDArray[np.bool_]
    difference: NDArray[np.float64]


def compare(one: Answered, other: Answered) -> Comparison:
    """The comparison, the same in both directions. Both must be about the same pictures in the same order."""
    names = tuple(dict.fromkeys((*one.labels, *other.labels)))
    both = np.logical_and(*(_placed(_tops(each), each.labels, names) for each in (one, other)))
    left, right = (_placed(each.probabilities, each.labels, names) for each in (one, other))
    difference = np.abs(np.subtract(left, right, dtype=np.float64)).mean(axis=1)
    return Comparison(np.any(both, axis=1), difference)


def _tops(answered: Answered) -> NDArray[np.bool_]:
    rows = answered.probabilities
    tops: NDArray[np.bool_] = rows == rows.max(axis=1, keepdims=True)
    return tops


def _placed(rows: NDArray[_Number], labels: Sequence[str], names: tuple[str, ...]) -> NDArray[_Number]:
    """The columns in the order of `names`; zeros for those that are missing."""
    if labels == names:
        return rows
    column = {name: place for place, name in enumerate(names)}
    placed = np.zeros((len(rows), len(names)), rows.dtype)
    placed[:, [column[label] for label in labels]] = rows
    return placed
