"""A Prometheus histogram as a value: the operators' page and the automatic rollout tell the same of the same counts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """How many values fell into each bucket.

    Attributes:
        bounds: The buckets' upper bounds, ascending, the last one infinite.
        counts: The values in each bucket alone, not added up.
        total: The sum of all values, 0 where nobody asks for their mean.
    """

    bounds: tuple[float, ...] = (math.inf,)
    counts: tuple[float, ...] = (0.0,)
    total: float = 0.0

    @classmethod
    def from_buckets(cls, buckets: Iterable[tuple[float, float]], total: float = 0.0) -> Histogram:
        """From (upper bound, number of values up to it), as Prometheus has them, in any order."""
        ordered = sorted(buckets)
        if not ordered:
            return cls()
        below = (0.0, *(count for _, count in ordered))
        # The workers' parts of a histogram are read one after the other: a bucket may be a moment ahead of the next.
        counts = (max(0.0, upto - before) for before, (_, upto) in zip(below, ordered, strict=False))
        return cls(tuple(bound for bound, _ in ordered), tuple(counts), total)

    @property
    def count(self) -> int:
        """The number of values."""
        return round(sum(self.counts))

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
        """The value that a share of all does not exceed, linear within its bucket, as ``histogram_quantile`` has it.

        In the last bucket, which has no end, it is that bucket's beginning. None without values.
        """
        if not self.count:
            return None
        rank, below, lower = share * sum(self.counts), 0.0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count and below + count >= rank:
                return lower if math.isinf(bound) else lower + (bound - lower) * (rank - below) / count
            below += count
            lower = lower if math.isinf(bound) else bound
        return lower

    def surely_above(self, threshold: float) -> int:
        """How many values are above a threshold whatever their place within their buckets."""
        lowers = (0.0, *self.bounds)
        return round(sum(count for lower, count in zip(lowers, self.counts, strict=False) if lower >= threshold))
