"""Counts kept in plain numbers, and handed to prometheus_client now and then.

One increment of a metric that is shared between processes costs microseconds (a lock, a look at the process id, a write
to the mapped file), and a request makes about twenty. Kept here an increment costs a tenth of that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from prometheus_client import Counter, Histogram

Labels = tuple[str, ...]
OTHER = "other"
# It is operators who make versions, not clients, and a rollout goes by the newest: a gateway that meets a new one each
# day counts for years before it sees no more of them.
MOST_VALUES = 1000


class _Tally(Protocol):
    def hand_over(self) -> None:
        """Adds what was counted since the last time to the metric."""


_T = TypeVar("_T", bound=_Tally)


class CounterTally:
    """What one child of a counter is to grow by."""

    __slots__ = ("_child", "count")

    def __init__(self, child: Counter) -> None:
        self._child = child
        self.count: float = 0

    def hand_over(self) -> None:
        """Adds what was counted since the last time to the metric."""
        if self.count:
            count, self.count = self.count, 0
            self._child.inc(count)


class HistogramTally:
    """What one child of a histogram is to grow by."""

    __slots__ = ("_bounds", "_child", "_counts", "_sum")

    def __init__(self, child: Histogram) -> None:
        self._child = child
        self._bounds: list[float] = child._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def hand_over(self) -> None:
        """Adds what was counted since the last time to the metric.

        The library can only take values one by one; its attributes are private, and a test holds that they are there.
        """
        for place, count in enumerate(self._counts):
            if count:
                self._child._buckets[place].inc(count)
                self._counts[place] = 0
        if self._sum:
            self._child._sum.inc(self._sum)
            self._sum = 0.0


class Family(dict[Labels, _T], Generic[_T]):
    """The tallies of one metric by their label values; one that is asked for comes to be."""

    def __init__(self, make: Callable[[Labels], _T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, labels: Labels) -> _T:
        made = self[labels] = self._make(labels)
        return made

    def hand_over(self) -> None:
        """Adds what was counted since the last time to the metric."""
        for tally in list(self.values()):
            tally.hand_over()


class LabelValues:
    """Label values of things that come and go; all beyond the first `MOST_VALUES` are counted together."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | int, ...], Labels] = {}

    def of(self, *key: str | int) -> Labels:
        """Its own values, or as many times `OTHER`."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_VALUES:
                return (OTHER,) * len(key)
            found = self._known[key] = tuple(map(str, key))
        return found
