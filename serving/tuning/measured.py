"""What a measurement gives, and what many of them say: ratios with their noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.tuning.candidate import Candidate

# Student's t for 95% of the cases, by degrees of freedom from 1.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
_T_OF_MANY = 2.1


@dataclass(frozen=True)
class Measured:
    """One candidate in one round.

    Attributes:
        pictures_per_s: Pictures that were answered, a second.
        requests: Calls that were answered.
        p50_ms: Half of them took no longer.
        p99_ms: 99 of 100 took no longer; the longest of all if they were fewer.
        failed: Calls that were not answered, retries included.
        error: What was said of one of these.
        load_cpu: CPUs that the busiest process of the load generator used; near 1 it is what limits.
    """

    pictures_per_s: float
    requests: int
    p50_ms: float
    p99_ms: float
    failed: int = 0
    error: str = ""
    load_cpu: float = 0.0


@dataclass(frozen=True)
class Round:
    """Candidates that were measured one right after the other, so on the same machine in the same mood.

    Attributes:
        stage: What part of the search it belongs to.
        results: By candidate; the baseline is always among them.
    """

    stage: str
    results: Mapping[Candidate, Measured]


@dataclass(frozen=True)
class Ratio:
    """How many times one figure is another, with the interval in which it lies in 95 of 100 such measurements."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})" if math.isfinite(self.high) else _bare(self)


@dataclass(frozen=True)
class Figures:
    """What all rounds say of a candidate.

    Attributes:
        candidate: Of which.
        rounds: How many.
        rate: Its pictures a second, to the baseline's of the same round.
        p99: Its 99th percentile, to the baseline's of the same round.
        pictures_per_s: The median of the rounds.
        p50_ms: The same.
        p99_ms: The same.
        failed: Calls without an answer, in all rounds.
        error: What was said of one of them.
    """

    candidate: Candidate
    rounds: int
    rate: Ratio
    p99: Ratio
    pictures_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    error: str


def ratio(values: Sequence[float]) -> Ratio:
    """Of the ratios of some rounds: their geometric mean and its interval, infinitely wide for less than two.

    Ratios are averaged as logarithms: twice as fast and half as fast cancel out.
    """
    if not values:
        return Ratio(1.0, 0.0, math.inf)
    logs = [math.log(max(value, 1e-9)) for value in values]
    middle = statistics.fmean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(middle), 0.0, math.inf)
    t = _T[len(logs) - 2] if len(logs) - 2 < len(_T) else _T_OF_MANY
    margin = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(middle), math.exp(middle - margin), math.exp(middle + margin))


def faster(candidate: Candidate, than: Candidate, rounds: Sequence[Round]) -> Ratio:
    """How many times the pictures a second, over the rounds that have both; anything is possible if none has."""
    both = [one.results for one in rounds if candidate in one.results and than in one.results]
    return ratio([_ratio(one[candidate].pictures_per_s, one[than].pictures_per_s) for one in both])


def figures(candidate: Candidate, baseline: Candidate, rounds: Sequence[Round]) -> Figures | None:
    """What the rounds with both say of a candidate; None if there are none."""
    both = [
        (one.results[candidate], one.results[baseline]) for one in rounds if {candidate, baseline} <= {*one.results}
    ]
    if not both:
        return None
    own = [one for one, _ in both]
    return Figures(
        candidate=candidate,
        rounds=len(both),
        rate=ratio([_ratio(one.pictures_per_s, base.pictures_per_s) for one, base in both]),
        p99=ratio([_ratio(one.p99_ms, base.p99_ms) for one, base in both]),
        pictures_per_s=statistics.median(one.pictures_per_s for one in own),
        p50_ms=statistics.median(one.p50_ms for one in own),
        p99_ms=statistics.median(one.p99_ms for one in own),
        failed=sum(one.failed for one in own),
        error=next((one.error for one in own if one.error), ""),
    )


def _ratio(value: float, base: float) -> float:
    return value / base if base > 0 else 1.0


def _bare(one: Ratio) -> str:
    return f"{one.middle:.2f} (one round)"
