"""What gateways count, and by how much it grew: pure values, one mapping from series to number for each gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A metric's sample name with its labels, those sorted by name.
Series = tuple[str, tuple[tuple[str, str], ...]]
Counts = Mapping[Series, float]
# Sums of floats differ in their last digits with the order in which worker processes are added up.
_NOISE = 1e-9


@dataclass(frozen=True)
class Tally:
    """How much all gateways' counters grew together while they were watched.

    A gateway that is met for the first time only gives a mark to count from: what it counted before is of another time.
    One whose counters fell has restarted, and all it counts now is new. One that is away keeps its mark.

    Attributes:
        marks: What each gateway counted when it was last seen.
        grown: The growth since the tally began, all gateways added up.
        falls: How often a gateway's counters fell.
    """

    marks: Mapping[str, Counts] = field(default_factory=dict)
    grown: Counts = field(default_factory=dict)
    falls: Mapping[str, int] = field(default_factory=dict)

    def after(self, seen: Mapping[str, Counts]) -> Tally:
        """The tally with what the gateways count now, by gateway; those that are away are left out of `seen`."""
        grown, falls = self.grown, dict(self.falls)
        for gateway, now in seen.items():
            before = self.marks.get(gateway)
            if before is None:
                continue
            if fell(before, now):
                falls[gateway] = falls.get(gateway, 0) + 1
                before = {}
            grown = added(grown, growth(before, now))
        return Tally({**self.marks, **seen}, grown, falls)

    def from_now(self) -> Tally:
        """A tally that begins with what was last seen."""
        return Tally(self.marks, {}, self.falls)


def fell(before: Counts, now: Counts) -> bool:
    """True if counters that only ever grow are smaller than they were, or gone."""
    return any(now.get(series, 0.0) < value - _NOISE * max(1.0, value) for series, value in before.items())


def growth(before: Counts, now: Counts) -> dict[Series, float]:
    """How much each series grew."""
    return {series: max(0.0, value - before.get(series, 0.0)) for series, value in now.items()}


def added(one: Counts, other: Counts) -> dict[Series, float]:
    """The sum of both, series by series."""
    total = dict(one)
    for series, value in other.items():
        total[series] = total.get(series, 0.0) + value
    return total
