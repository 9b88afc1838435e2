"""How a part of the time is spent: on how many candidates, for how long each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from serving.tuning.candidate import Candidate

LONGEST_S = 2.0
SHORTEST_S = 0.4
# Below it the 99th percentile is the slowest call of all.
_CALLS = 100
# Around the counted time of a round: the run-up, the last answers, the connection.
_AROUND_S = 0.4
# A server that has just started is run in before it counts.
RUN_IN_S = 0.3


@dataclass(frozen=True)
class Pace:
    """What a stage may do.

    Attributes:
        candidates: Those for which there is time.
        rounds: How often each is measured.
        round_s: For how long each time.
    """

    candidates: Sequence[Candidate]
    rounds: int
    round_s: float

    @property
    def once_s(self) -> float:
        """What one measurement takes in all."""
        return self.round_s + _AROUND_S


def plan(
    candidates: Sequence[Candidate],
    rounds: int,
    time_s: float,
    *,
    start_s: float,
    together: int,
    least_s: float,
    running: Collection[Candidate] = (),
    grouped: bool = True,
) -> Pace:
    """As many candidates, the first ones, as can be measured in the time, each as long as is left for it.

    Args:
        candidates: The most promising first.
        rounds: How often each is to be measured, in turns with the baseline.
        time_s: What there is.
        start_s: What a server takes to start.
        together: Servers that may run at the same time.
        least_s: Seconds of a measurement below which it is not worth its name.
        running: Candidates whose servers run already.
        grouped: In groups of as many as run together, the baseline in each; else all take turns with each other, and
            where they are too many to run together, their servers start anew in every round.
    """
    for count in range(len(candidates), 0, -1):
        baselines = math.ceil(count / max(1, together - 1)) if grouped else 1
        stay = together > (1 if grouped else count)
        begun = sum(one in running for one in candidates[:count])
        starts = count - begun if stay else rounds * (count + baselines)
        once_s = (time_s - starts * (start_s + RUN_IN_S + _AROUND_S)) / (rounds * (count + baselines))
        if once_s - _AROUND_S >= least_s:
            return Pace(candidates[:count], rounds, min(LONGEST_S, once_s - _AROUND_S))
    return Pace([], rounds, least_s)


def least_s(requests_per_s: float) -> float:
    """How long a measurement should be so that its 99th percentile means something, within bounds."""
    return min(LONGEST_S, max(SHORTEST_S, _CALLS / requests_per_s)) if requests_per_s > 0 else LONGEST_S


def groups(candidates: Sequence[Candidate], together: int) -> list[Sequence[Candidate]]:
    """The candidates in groups that, with the baseline, run at the same time."""
    size = max(1, together - 1)
    return [candidates[start : start + size] for start in range(0, len(candidates), size)]
