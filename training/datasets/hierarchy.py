"""Labels of two levels: ``shoe/boot`` is a sub-category of ``shoe``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def categories(labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]] | None:
    """The upper level of hierarchical labels: what stands before the first slash.

    A label without a slash is a category of its own.

    Args:
        labels: K class names.

    Returns:
        The names of the categories in the order of their first label, and int64 [K], the category of each label; None
        where the upper level tells nothing new: a category for each label, or one for all.
    """
    tops = [label.split("/", 1)[0] for label in labels]
    names = tuple(dict.fromkeys(tops))
    if len(names) == len(tops) or len(names) < 2:
        return None
    return names, np.array([names.index(top) for top in tops], np.int64)
