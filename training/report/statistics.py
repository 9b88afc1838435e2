"""How sure a figure is: a share that was counted on a test set would have come out otherwise on another one."""

from __future__ import annotations

import math

# Of the standard normal distribution: 95 % lie within so many standard deviations.
_Z_95 = 1.959964


def standard_error(share: float, count: int) -> float:
    """The binomial standard error of a share of `count` pictures; infinite for none."""
    return math.sqrt(share * (1 - share) / count) if count else math.inf


def interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` pictures (Wilson 1927: sound for few pictures and near 0 and 1)."""
    if not count:
        return 0.0, 1.0
    z2 = _Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def difference_error(first: float, first_count: int, second: float, second_count: int) -> float:
    """The standard error of the difference of two shares, as if independent: cautious if the pictures are the same."""
    return math.hypot(standard_error(first, first_count), standard_error(second, second_count))
