"""Which classes of a picture's probabilities are named, and in which order; what their categories sum up to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gateway.api.options import Options

# Label lists that differ: a few versions of a few models.
_REMEMBERED = 64


def ranking(probabilities: NDArray[np.float32]) -> list[int]:
    """The indices of the classes, the most probable first; equals in the card's order."""
    order: list[int] = np.argsort(-probabilities, kind="stable").tolist()
    return order


def listed(probabilities: NDArray[np.float32], options: Options) -> list[int] | None:
    """The indices of the classes that an answer lists.

    Args:
        probabilities: float32 [K].
        options: `top_k` and `min_probability` count.

    Returns:
        With `top_k` the best few, best first; else those of at least `min_probability` in the card's order; None for
        all of them.
    """
    if options.top_k is None and options.min_probability == 0:
        return None
    order = range(len(probabilities)) if options.top_k is None else ranking(probabilities)[: options.top_k]
    return [index for index in order if probabilities[index] >= options.min_probability]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The upper level of labels like ``shoe/boot``.

    Attributes:
        names: C categories in the order of their first label.
        of_label: int64 [K], each label's category.
    """

    names: tuple[str, ...]
    of_label: NDArray[np.int64]

    def sums(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [C]: what the classes of each category sum up to."""
        return np.bincount(self.of_label, probabilities, len(self.names)).astype(np.float32)


@lru_cache(maxsize=_REMEMBERED)
def hierarchy(labels: tuple[str, ...]) -> Hierarchy | None:
    """What stands before the labels' first slashes; a label without one is a category of its own.

    None where that tells nothing new: a category for each label, or one for all.
    """
    tops = [label.split("/", 1)[0] for label in labels]
    names = tuple(dict.fromkeys(tops))
    if len(names) == len(tops) or len(names) == 1:
        return None
    places = {name: place for place, name in enumerate(names)}
    return Hierarchy(names, np.array([places[top] for top in tops], np.int64))
