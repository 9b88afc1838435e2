"""A stratified, seeded split: each class gives the same share to each part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified(classes: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Takes a share of each class, at least one picture, and never a class's last.

    Args:
        classes: int64 [N].
        share: Of each class, above 0 and below 1.
        seed: Same seed, same classes: same split.

    Returns:
        The indices kept and the indices taken, each ascending.
    """
    rng = np.random.default_rng(seed)
    taken: list[NDArray[np.int64]] = []
    for value in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == value))
        count = min(max(1, round(len(members) * share)), len(members) - 1)
        taken.append(members[:count])
    out = np.sort(np.concatenate([np.empty(0, np.int64), *taken]))
    kept = np.setdiff1d(np.arange(len(classes)), out, assume_unique=True)
    return kept, out
