"""The course of a tuning: threads, then batching on the best of them, then the best of all once more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.tables import Say
from serving.tuning import candidates, pacing
from serving.tuning.candidate import BASELINE, TWIN, Candidate
from serving.tuning.candidates import Scene
from serving.tuning.choice import Limit, all_figures, ranked
from serving.tuning.journal import FINAL, Journal
from serving.tuning.measured import Figures, Measured, Round
from serving.tuning.servers import ServerFailed

# More where there is time for all candidates, fewer where not: many short rounds say more than few long ones, for what
# else the machine does changes within seconds.
_ROUNDS_OF_STAGES = (7, 5, 3, 2)
_ROUNDS_OF_FINAL = (21, 15, 11, 7, 5, 3)
_KNOWN = 2
_FINALISTS = 2
_CALIBRATION_S = 0.6
# Parts of the time that is left; what one does not need, the later ones have.
_WEIGHTS = {"threads": 3, "finer threads": 1, "batching": 4, "finer batching": 3, FINAL: 5}


class TuningFailed(Exception):
    """The baseline cannot be measured, so nothing can."""


@dataclass(frozen=True)
class Bench:
    """Where candidates are measured.

    Attributes:
        measure: Measures one for so many seconds; raises ServerFailed.
        running: Whose servers run.
        start_s: What a server takes to start.
        together: Servers that may run at the same time.
    """

    measure: Callable[[Candidate, float], Measured]
    running: Callable[[], Sequence[Candidate]]
    start_s: Callable[[], float]
    together: Callable[[], int]


@dataclass(frozen=True)
class Bounds:
    """What limits the search.

    Attributes:
        budget_s: How long it may take.
        limit: Which candidates may be chosen.
        cpus: As in `Scene`.
        least_size: As in `Scene`.
        most_rows: As in `Scene`.
    """

    budget_s: float
    limit: Limit
    cpus: int
    least_size: int
    most_rows: int


class Search:
    """Measures until there is a choice to be made, or the time is over."""

    def __init__(self, bench: Bench, journal: Journal, bounds: Bounds, say: Say, save: Callable[[], None]) -> None:
        """Measures nothing yet. What `journal` knows is not measured again; `save` is called after every round."""
        self._bench = bench
        self._journal = journal
        self._bounds = bounds
        self._tell = say
        self._save = save
        self._ends_s = time.monotonic() + bounds.budget_s
        self._least_s = pacing.SHORTEST_S

    def run(self) -> None:
        """Fills the journal. Raises TuningFailed if the baseline does not run."""
        scene = self._calibrate()
        # Another limit may make others the best; nothing else is missing.
        if not self._journal.finished:
            self._search(scene)
        self._final()
        if not self._journal.rounds:
            raise TuningFailed(
                f"Expected time for more than the baseline: a server takes {self._bench.start_s():.0f} s to start. "
                f"Received: {self._bounds.budget_s:g} s"
            )
        self._journal.finished = has_final(self._journal, self._bounds.limit)
        self._save()

    def _search(self, scene: Scene) -> None:
        self._stage("threads", candidates.threads(scene))
        self._stage("finer threads", candidates.finer_threads(self._best("finer threads"), scene))
        self._stage("batching", candidates.batching(self._best("batching"), scene))
        self._stage("finer batching", candidates.finer(self._best("finer batching", batched=True), scene))

    def _calibrate(self) -> Scene:
        """Starts the baseline, and learns how long a measurement must be."""
        self._say("the baseline starts: TensorFlow Serving's defaults, batching off")
        try:
            found = self._bench.measure(BASELINE, _CALIBRATION_S)
        except ServerFailed as error:
            raise TuningFailed(f"The model server cannot be measured as it is: {error}") from None
        if not found.requests:
            raise TuningFailed(f"No call was answered within {_CALIBRATION_S:g} s. {found.error}".strip())
        self._least_s = pacing.least_s(found.requests / _CALIBRATION_S)
        self._say(
            f"{found.pictures_per_s:,.0f} pictures/s, p50 {found.p50_ms:.3g} ms, p99 {found.p99_ms:.3g} ms at a first "
            f"look; a server starts in {self._bench.start_s():.1f} s"
        )
        self._journal.p50_ms = self._journal.p50_ms or found.p50_ms
        bounds = self._bounds
        return Scene(bounds.cpus, bounds.least_size, bounds.most_rows, self._journal.p50_ms)

    def _stage(self, name: str, tried: Sequence[Candidate]) -> None:
        missing = [one for one in tried if not self._journal.knows(one, _KNOWN)]
        pace = self._plan(name, missing, _ROUNDS_OF_STAGES)
        if missing[len(pace.candidates) :]:
            left_out = "; ".join(map(str, missing[len(pace.candidates) :]))
            self._journal.note(f"There was no time for: {left_out}.")
            self._say(f"{name}: no time for {len(missing) - len(pace.candidates)} of {len(missing)} candidates")
        for group in pacing.groups(pace.candidates, self._bench.together()):
            self._rounds(name, list(group), pace)
            for one in all_figures(self._journal.searched):
                if one.candidate in group:
                    self._say(f"{name}: {told(one)}")
            self._say(f"best so far: {self._best_of_all()}")

    def _final(self) -> None:
        """The best, measured anew beside the baseline and its twin: the luck that made them the best is not theirs."""
        best = finalists(self._journal.searched, self._bounds.limit)
        self._journal.rounds = self._journal.searched
        if not best:
            self._say("nothing that was measured may be chosen: no final")
            return
        pace = self._plan(FINAL, [TWIN, *best], _ROUNDS_OF_FINAL)
        if len(pace.candidates) <= len(best):
            self._say("no time to measure the best again")
            return
        self._say(f"the best are measured again, {pace.rounds} rounds: {'; '.join(map(str, best))}")
        self._rounds(FINAL, list(pace.candidates), pace)
        for one in all_figures(self._journal.final):
            if one.candidate != BASELINE:
                self._say(f"final: {told(one)}")

    def _plan(self, name: str, tried: Sequence[Candidate], rounds: Sequence[int]) -> pacing.Pace:
        """By the first number of rounds for which the stage's share of the time allows all; else the last."""
        names = list(_WEIGHTS)
        later = sum(_WEIGHTS[one] for one in names[names.index(name) :])
        for number, least_s in zip(rounds, (*(self._least_s for _ in rounds[1:]), pacing.SHORTEST_S), strict=True):
            pace = pacing.plan(
                tried,
                number,
                self._left_s * _WEIGHTS[name] / later,
                start_s=self._bench.start_s(),
                together=self._bench.together(),
                least_s=least_s,
                running=self._bench.running(),
                grouped=name != FINAL,
            )
            if len(pace.candidates) == len(tried):
                break
        return pace

    def _rounds(self, name: str, group: list[Candidate], pace: pacing.Pace) -> None:
        for number in range(pace.rounds):
            everybody = [BASELINE, *group]
            if self._left_s < len(everybody) * pace.once_s and number >= 2:
                break
            results: dict[Candidate, Measured] = {}
            # In another order each time, so that nobody always follows the same one.
            for candidate in random.Random(number).sample(everybody, len(everybody)):  # noqa: S311  # no secret
                measured = self._measure(candidate, pace.round_s)
                if measured is None:
                    group.remove(candidate)
                else:
                    results[candidate] = measured
            self._journal.rounds.append(Round(name, results))
            self._save()

    def _measure(self, candidate: Candidate, round_s: float) -> Measured | None:
        try:
            return self._bench.measure(candidate, round_s)
        except ServerFailed as error:
            if candidate == BASELINE:
                raise TuningFailed(f"The baseline's server does not run any more: {error}") from None
            self._journal.failed[candidate] = str(error)
            self._say(f"{candidate}: left out, {error}")
            return None

    def _best(self, before: str, *, batched: bool = False) -> Candidate:
        """The best of either kind before a stage, or the baseline: a search that goes on tries what it began to."""
        stages = list(_WEIGHTS)
        earlier = stages[: stages.index(before)]
        fit = ranked([one for one in self._journal.searched if one.stage in earlier], self._bounds.limit)
        of_kind = [one for one in fit if (one.candidate.batching is not None) == batched]
        return of_kind[0].candidate if of_kind and (batched or of_kind[0].rate.middle > 1) else BASELINE

    def _best_of_all(self) -> str:
        fit = ranked(self._journal.searched, self._bounds.limit)
        return told(fit[0]) if fit and fit[0].rate.middle > 1 else str(BASELINE)

    @property
    def _left_s(self) -> float:
        return max(0.0, self._ends_s - time.monotonic())

    def _say(self, text: str) -> None:
        left = round(self._left_s)
        self._tell(f"[{left // 60}:{left % 60:02d} left] {text}")


def finalists(rounds: Sequence[Round], limit: Limit) -> list[Candidate]:
    """The best of all, and the best of either kind."""
    fit = [one.candidate for one in ranked(rounds, limit)]
    best = [next((one for one in fit if (one.batching is not None) == batched), None) for batched in (False, True)]
    return list(dict.fromkeys([*(one for one in best if one is not None), *fit[:_FINALISTS]]))


def has_final(journal: Journal, limit: Limit) -> bool:
    """Whether all that belong into the final under this limit were in it."""
    wanted = {*finalists(journal.searched, limit)}
    return wanted <= {candidate for one in journal.final for candidate in one.results}


def told(one: Figures) -> str:
    """A candidate's figures as a line."""
    failed = f", {one.failed} calls without an answer" if one.failed else ""
    return f"{one.candidate}: x{one.rate} pictures/s, p99 x{one.p99.middle:.2f}{failed}"
