"""A histogram's counts, and what can be told from them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Distribution:
    """How many values fell between which bounds.

    Attributes:
        bounds: Upper bounds, ascending; the last one is infinite.
        counts: Values in each bucket, above the bound before it, up to its own.
        total: The sum of all values.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float

    @property
    def count(self) -> float:
        """How many values there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """The values' mean; None without any."""
        return self.total / self.count if self.count else None

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of the values in each bucket, 0 to 1; zeros without any value."""
        count = self.count
        return tuple(one / count if count else 0.0 for one in self.counts)

    def quantile(self, share: float) -> float | None:
        """The value that a share of all stays below, as Prometheus's ``histogram_quantile`` estimates it.

        Linear within a bucket; the last finite bound for what lies beyond it. None without values.
        """
        rank = share * self.count
        if not rank:
            return None
        below, lower = 0.0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count and below + count >= rank:
                return lower if math.isinf(bound) else lower + (bound - lower) * (rank - below) / count
            below += count
            lower = bound if math.isfinite(bound) else lower
        return lower
