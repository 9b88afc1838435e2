"""Rounds as a test says them."""

from __future__ import annotations

from serving.tuning.candidate import BASELINE, TWIN, Batching, Candidate
from serving.tuning.measured import Measured, Round

ONE_THREAD = Candidate(1, 2)
BATCHING = Candidate(1, 2, Batching(32, 0, 2))


def measured(rate: float, p99_ms: float = 10.0, failed: int = 0) -> Measured:
    """So many pictures a second."""
    return Measured(rate, int(rate), p99_ms / 2, p99_ms, failed, "no answer" if failed else "")


def final(*, threads: float, batching: float, twin: float = 1.0, noise: float = 0.01, rounds: int = 5) -> list[Round]:
    """Rounds with the given ratios to the baseline, each off by a little, up and down by turns."""
    made = []
    for number in range(rounds):
        off = 1 + noise * (1 if number % 2 else -1)
        results = {
            BASELINE: measured(1000),
            TWIN: measured(1000 * twin * off),
            ONE_THREAD: measured(1000 * threads * off),
            BATCHING: measured(1000 * batching / off),
        }
        made.append(Round("final", results))
    return made


def searched(*, threads: float, batching: float, rounds: int = 3) -> list[Round]:
    """Rounds of the search with the given ratios."""
    return [
        *(Round("threads", {BASELINE: measured(1000), ONE_THREAD: measured(1000 * threads)}) for _ in range(rounds)),
        *(Round("batching", {BASELINE: measured(1000), BATCHING: measured(1000 * batching)}) for _ in range(rounds)),
    ]
