"""The course of a tuning, on servers whose speed is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from serving.tuning.candidate import BASELINE, TWIN, Candidate
from serving.tuning.choice import Limit, choose
from serving.tuning.journal import Journal
from serving.tuning.measured import Measured
from serving.tuning.search import Bench, Bounds, Search, TuningFailed, has_final
from serving.tuning.servers import ServerFailed
from tests.serving.tuning.rounds import measured

BOUNDS = Bounds(budget_s=1e6, limit=Limit(), cpus=4, least_size=32, most_rows=256)


class Machine:
    """Answers measurements at once, by a function of the candidate."""

    def __init__(self, speed: Callable[[Candidate], float | Measured]) -> None:
        self.asked: Counter[Candidate] = Counter()
        self.said: list[str] = []
        self._speed = speed

    def measure(self, candidate: Candidate, _seconds: float) -> Measured:
        self.asked[candidate] += 1
        found = self._speed(candidate)
        # A hair's breadth of noise, or intervals would have no width.
        return measured(found * (1 + 0.001 * (self.asked[candidate] % 3))) if isinstance(found, int | float) else found

    def search(self, journal: Journal, bounds: Bounds = BOUNDS, together: int = 5) -> Journal:
        bench = Bench(self.measure, list, lambda: 1.0, lambda: together)
        Search(bench, journal, bounds, self.said.append, lambda: None).run()
        return journal


def speed(candidate: Candidate) -> float:
    """Best: one thread in an operation, batches of 64 with a single batch thread."""
    rate = 1000.0 * (1.3 if candidate.intra_op == 1 else 1.0) * (1.1 if candidate.inter_op == 2 else 1.0)
    if candidate.batching:
        rate *= 1.4 * (1.1 if candidate.batching.size == 64 else 1.0) * (1.2 if candidate.batching.threads == 2 else 1)
        rate *= 0.8 if candidate.batching.timeout_us else 1.0
    return rate


def test_the_search_finds_the_best_threads_and_the_best_batching_on_them() -> None:
    found = Machine(speed).search(Journal({}))

    best = choose(found.final, Limit()).candidate
    assert (best.intra_op, best.inter_op) == (1, 2)
    assert best.batching
    assert best.batching.threads == 2
    assert best.batching.timeout_us == 0


@pytest.mark.parametrize("together", [1, 2, 5])
def test_every_round_has_the_baseline(together: int) -> None:
    found = Machine(speed).search(Journal({}), together=together)
    assert found.rounds
    assert all(BASELINE in one.results for one in found.rounds)


def test_the_final_has_the_twin_and_the_best_of_either_kind() -> None:
    found = Machine(speed).search(Journal({}))
    for one in found.final:
        assert {BASELINE, TWIN} <= {*one.results}
        assert {candidate.batching is None for candidate in one.results} == {True, False}
    assert found.finished


def test_what_was_measured_is_not_measured_again() -> None:
    journal = Machine(speed).search(Journal({}))
    final = journal.final
    journal.rounds, journal.finished = journal.searched, False

    again = Machine(speed)
    again.search(journal)

    in_the_final = {candidate for one in final for candidate in one.results}
    assert {*again.asked} == in_the_final


def test_another_limit_measures_no_more_than_another_final() -> None:
    def slower_in_batches(candidate: Candidate) -> Measured:
        return measured(speed(candidate), p99_ms=14 if candidate.batching else 10)

    journal = Machine(slower_in_batches).search(Journal({}))
    strict = Bounds(1e6, Limit(p99_ms=12), 4, 32, 256)
    assert not has_final(journal, strict.limit)

    again = Machine(slower_in_batches)
    again.search(journal, strict)

    assert {*again.asked} == {one for round_ in journal.final for one in round_.results}
    assert not any(one.batching for one in again.asked)
    assert choose(journal.final, strict.limit).candidate == Candidate(1, 2)


def test_a_candidate_whose_server_ends_is_left_out() -> None:
    def fragile(candidate: Candidate) -> float:
        if candidate.batching and candidate.batching.size > 32:
            raise ServerFailed("out of memory")
        return speed(candidate)

    machine = Machine(fragile)
    found = machine.search(Journal({}))

    assert {one.batching.size for one in found.failed if one.batching} >= {128}
    assert all(reason == "out of memory" for reason in found.failed.values())
    assert found.finished
    assert any("left out, out of memory" in line for line in machine.said)


def test_without_a_baseline_there_is_nothing_to_compare_with() -> None:
    def broken(_candidate: Candidate) -> float:
        raise ServerFailed("no such file")

    with pytest.raises(TuningFailed, match="no such file"):
        Machine(broken).search(Journal({}))


def test_a_baseline_that_answers_nothing_is_told() -> None:
    def silent(_candidate: Candidate) -> Measured:
        return Measured(0, 0, 0, 0, 5, "Task size 32 is larger than maximum")

    with pytest.raises(TuningFailed, match="Task size 32"):
        Machine(silent).search(Journal({}))


def test_a_budget_that_is_too_short_for_anything_is_told() -> None:
    with pytest.raises(TuningFailed, match="more than the baseline"):
        Machine(speed).search(Journal({}), Bounds(1.0, Limit(), 4, 32, 256))


def test_a_search_where_nothing_may_be_chosen_ends_with_the_baseline() -> None:
    def late(candidate: Candidate) -> Measured:
        return measured(1000 if candidate == BASELINE else 2000, p99_ms=10 if candidate == BASELINE else 100)

    found = Machine(late).search(Journal({}))
    assert found.finished
    assert found.final == []


def test_each_line_tells_how_much_time_is_left() -> None:
    machine = Machine(speed)
    machine.search(Journal({}))
    assert all(" left] " in line for line in machine.said)
    assert any("best so far" in line for line in machine.said)
