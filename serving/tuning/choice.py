"""Which candidate to use: the highest throughput whose p99 stays within the limit, if it is more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.tuning.candidate import BASELINE, TWIN, Candidate
from serving.tuning.measured import Figures, Ratio, Round, faster, figures
from serving.tuning.rule import P99_TIMES


@dataclass(frozen=True)
class Limit:
    """How long the slowest of 100 requests may take: milliseconds, or None for 1.5 times the baseline's."""

    p99_ms: float | None = None

    def allows(self, one: Figures) -> bool:
        """True if the candidate keeps to it; as a ratio it is the same on a machine that is now slower, now faster.

        A lone call, which no measurement under load has, waits for the whole timeout: that must be within it, too.
        """
        batching = one.candidate.batching
        alone_ms = batching.timeout_us / 1000 if batching else 0.0
        if self.p99_ms is not None:
            return max(one.p99_ms, alone_ms) <= self.p99_ms
        baseline_ms = one.p99_ms / max(one.p99.middle, 1e-9)
        return one.p99.middle <= P99_TIMES and alone_ms <= P99_TIMES * baseline_ms

    def in_ms(self, baseline: Figures) -> float:
        """The limit where the baseline has such figures."""
        return P99_TIMES * baseline.p99_ms if self.p99_ms is None else self.p99_ms


@dataclass(frozen=True)
class Choice:
    """What is recommended.

    Attributes:
        candidate: The candidate; the baseline if nothing is better.
        reasons: Why, as sentences.
        noise: How far apart two servers of the same configuration were, as a ratio; None if that was not measured.
    """

    candidate: Candidate
    reasons: tuple[str, ...]
    noise: float | None = None


def ranked(rounds: Sequence[Round], limit: Limit) -> list[Figures]:
    """The candidates that may be chosen, by falling throughput."""
    fit = [one for one in all_figures(rounds) if one.candidate not in (BASELINE, TWIN)]
    return sorted((one for one in fit if limit.allows(one) and not one.failed), key=lambda one: -one.rate.middle)


def all_figures(rounds: Sequence[Round]) -> list[Figures]:
    """Those of every candidate, in the order in which they were first measured."""
    seen = dict.fromkeys(candidate for one in rounds for candidate in one.results)
    found = (figures(candidate, BASELINE, rounds) for candidate in seen)
    return [one for one in found if one is not None]


def choose(rounds: Sequence[Round], limit: Limit) -> Choice:
    """The choice by the rule, from rounds that all have the baseline, its twin and the same finalists."""
    noise = _noise(rounds)
    held, reasons = BASELINE, []
    fit = ranked(rounds, limit)
    for batched, what in ((False, "threads"), (True, "batching")):
        best = next((one for one in fit if (one.candidate.batching is not None) == batched), None)
        if best is None:
            reasons.append(f"No {what} kept to the limit of p99 with every call answered.")
            continue
        gain = faster(best.candidate, held, rounds)
        if better(gain, noise):
            reasons.append(f"{best.candidate}: x{gain} the throughput of {held}.")
            held = best.candidate
        else:
            reasons.append(f"{best.candidate}: x{gain} the throughput of {held}, which is not better beyond the noise.")
    return Choice(held, tuple(reasons), noise)


def better(gain: Ratio, noise: float) -> bool:
    """Whether a gain is more than noise."""
    return gain.low > 1 and gain.middle > noise


def _noise(rounds: Sequence[Round]) -> float:
    """How many times the baseline's throughput the baseline may seem to have, in either direction."""
    twin = faster(TWIN, BASELINE, rounds)
    return max(twin.middle, 1 / twin.middle)
