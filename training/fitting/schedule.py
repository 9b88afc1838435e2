"""The learning rate of every step, and when to stop early."""

from __future__ import annotations

import math
from collections.abc import Sequence

# A fall smaller than this is no progress.
_LEAST = 1e-4
_PLATEAU_PATIENCE = 3
_PLATEAU_FACTOR = 0.2


def cosine(step: int, steps: int, warm_up: float) -> float:
    """The share of the highest rate: up in a straight line to 1, then down to 0 along half a cosine.

    Loshchilov & Hutter (2017) without restarts; the warm-up is Goyal et al.'s (2017).

    Args:
        step: From 0.
        steps: How many there are.
        warm_up: The share of them that goes up.
    """
    up = max(1, round(steps * warm_up))
    if step < up:
        return (step + 1) / up
    return 0.5 * (1 + math.cos(math.pi * (step - up) / max(1, steps - up)))


def plateau(validation_losses: Sequence[float]) -> float:
    """The share of the first rate after epochs of these losses: a fifth for every three epochs without progress."""
    factor, best, waited = 1.0, math.inf, 0
    for loss in validation_losses:
        waited = 0 if loss < best - _LEAST else waited + 1
        best = min(best, loss)
        if waited == _PLATEAU_PATIENCE:
            factor, waited = factor * _PLATEAU_FACTOR, 0
    return factor


def epochs_without_progress(validation_losses: Sequence[float]) -> int:
    """How many of the last epochs brought no lower validation loss."""
    best, waited = math.inf, 0
    for loss in validation_losses:
        waited = 0 if loss < best - _LEAST else waited + 1
        best = min(best, loss)
    return waited
