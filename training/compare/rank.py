"""The order of runs, and the reasons for it in words. What chance explains is a tie: then the smaller one wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.compare.candidate import Candidate
from training.report.live import same_test
from training.report.words import count, milliseconds, percent, short


@dataclass(frozen=True)
class Ranked:
    """A run and its rank; runs that tie share one."""

    rank: int
    candidate: Candidate


@dataclass(frozen=True)
class Comparison:
    """The runs, the best first; why it is the best; what makes the comparison doubtful."""

    ranking: tuple[Ranked, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def compare(candidates: Sequence[Candidate]) -> Comparison:
    """Ranks runs by accuracy.

    Runs tie whose accuracy is below the best of them by at most the best's binomial standard error. Of those that tie,
    the one with fewer parameters comes first, then the faster one, then the more accurate one.

    Args:
        candidates: One or more.
    """
    left = sorted(candidates, key=lambda each: -each.accuracy)
    ranking: list[Ranked] = []
    while left:
        top = left[0]
        tied = [each for each in left if top.accuracy - each.accuracy <= top.error]
        rank = len(ranking) + 1
        ranking += [Ranked(rank, each) for each in sorted(tied, key=_economy)]
        left = left[len(tied) :]
    return Comparison(tuple(ranking), tuple(_reasons(ranking)), tuple(_warnings([each.candidate for each in ranking])))


def _economy(candidate: Candidate) -> tuple[float, float, float]:
    return _known(candidate.parameters), _known(candidate.latency_ms), -candidate.accuracy


def _known(value: float | None) -> float:
    return math.inf if value is None else value


def _reasons(ranking: Sequence[Ranked]) -> list[str]:
    best = ranking[0].candidate
    tied = [each.candidate for each in ranking if each.rank == 1][1:]
    behind = [each.candidate for each in ranking if each.rank > 1]
    found = [f"{best.name} is best: {percent(best.accuracy)} of {count(best.tested, 'test picture')} are right."]
    if tied:
        found.append(_tie(best, tied))
    if behind:
        gap = _points(best.accuracy - behind[0].accuracy)
        found.append(
            f"{behind[0].name} follows at {percent(behind[0].accuracy)}, {gap} points lower: more than the standard "
            f"error of the test set ({_points(best.error)})."
        )
    smaller = [
        each for each in behind if best.parameters and each.parameters and each.parameters <= best.parameters / 2
    ]
    if smaller:
        least = min(smaller, key=lambda each: _known(each.parameters))
        lost, few = _points(best.accuracy - least.accuracy), short(least.parameters or 0)
        found.append(f"Where size matters more: {least.name} has {few} parameters and loses {lost} points.")
    return found


def _tie(best: Candidate, tied: Sequence[Candidate]) -> str:
    names = ", ".join(each.name for each in tied)
    error = _points(best.error)
    sentence = f"It ties with {names}: the accuracies are within the standard error of the test set ({error} points)"
    others = [each.parameters for each in tied if each.parameters is not None]
    if best.parameters is not None and others and best.parameters < min(others):
        few, more = short(best.parameters), short(min(others))
        return f"{sentence}, and it wins as the smallest ({few} parameters against {more})."
    speeds = [each.latency_ms for each in tied if each.latency_ms is not None]
    if best.latency_ms is not None and speeds and best.latency_ms < min(speeds):
        fast, slower = milliseconds(best.latency_ms), milliseconds(min(speeds))
        return f"{sentence}, and it wins as the fastest ({fast} against {slower})."
    return f"{sentence}; neither size nor speed decides."


def _points(share: float) -> str:
    return f"{share * 100:.1f}"


def _warnings(candidates: Sequence[Candidate]) -> list[str]:
    first = candidates[0]
    found = []
    for other in candidates[1:]:
        reasons = same_test(first.report, other.report)
        if reasons:
            found.append(
                f"{other.name} was not tested on the same pictures as {first.name} (other {', other '.join(reasons)}): "
                "their figures cannot be compared."
            )
    return found
