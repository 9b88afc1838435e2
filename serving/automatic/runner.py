"""Carries an automatic rollout out: looks, decides by `watch`, and moves traffic by `Roller`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from contract.release import STABLE, ModelRelease, ReleaseError
from serving import offline
from serving.automatic import goals
from serving.automatic.gateways import Gateways, NoGateway
from serving.automatic.goals import ChangedByOthers
from serving.automatic.order import Order
from serving.automatic.report import Report, Step
from serving.automatic.watch import Look, Turn, Watch
from serving.errors import NoReplica, RolloutFailed
from serving.plan import words
from serving.plan.goals import Goal, report_so_far, settled, with_report
from serving.release_store import ReleaseStore, RolloutBusy, now
from serving.replicas import Replicas
from serving.rolling import Roller

# How long another operator's command is waited for that is at work on the same model.
_BUSY_S = 60.0
_BUSY_POLL_S = 0.2


@dataclass(frozen=True)
class Scene:
    """A look, and where in the rollout it was taken."""

    order: Order
    stable: int
    percent: float
    look: Look


class View(Protocol):
    """Who is told."""

    def say(self, sentence: str) -> None:
        """Something happened."""

    def show(self, scene: Scene) -> None:
        """This is how it looks now; told at every look."""


@dataclass
class Runner:
    """One automatic rollout, from its beginning or from where it was left.

    Attributes:
        order: What was asked for.
        store: Where the release state is.
        replicas: The model servers.
        roller: Moves labels and traffic.
        gateways: Where metrics come from.
        view: Who is told.
        clock: Seconds, on a clock that never jumps.
        sleep: Waits so many seconds.
    """

    order: Order
    store: ReleaseStore
    replicas: Replicas
    roller: Roller
    gateways: Gateways
    view: View
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> int:
        """Goes through the steps; 0 if the version is stable in the end, 1 if it is not.

        Raises:
            GoalError, RolloutFailed, NoReplica, NoGateway, RolloutBusy: It did not even begin; nothing was changed.
        """
        with self.store.watch(self.order.name):
            self.store.repair()
            model = self.store.model(self.order.name)
            ended = self._end_of_before(model)
            if ended is not None:
                return ended
            if model.rollout is not None and model.rollout.version == self.order.version:
                return self._resume(model)
            return self._begin(model)

    def _end_of_before(self, model: ModelRelease) -> int | None:
        """Finishes what a command that was killed had decided; None if there is nothing of the kind."""
        order = self.order
        report = goals.cut_short(model, order.version)
        if report is None and model.labels.get(STABLE) != order.version:
            return None
        if model != settled(model):
            with self._sole():
                self.roller.bring(lambda found: Goal(found, f"{order.version}: the rollout is finished"))
        if model.labels.get(STABLE) == order.version:
            self.view.say(f"{order.name} {order.version} is already {STABLE}.")
            return 0
        self.view.say(f"{order.name} {order.version} had been withdrawn: {report and report.get('reason')}.")
        return 1

    def _begin(self, model: ModelRelease) -> int:
        order = self.order
        watch = Watch(model.labels.get(STABLE, 0), 0.0, copied=order.shadow_percent > 0, began_s=self.clock())
        scraped = self.gateways.scrape()
        if not scraped.counts:
            reasons = "; ".join(f"{gateway}: {reason}" for gateway, reason in scraped.away.items())
            raise NoGateway(f"No gateway gives metrics; nothing was changed. {reasons}. Name every one with --gateway")
        # A mark to count from before anything changes: while the version loads, stable's own figures are learnt.
        watch = watch.next_step(0.0, scraped, self.clock())
        report = Report(order.version, watch.stable, order.limits)
        with self.store.rollout(order.name):
            try:
                mine = self.roller.bring(partial(goals.begin, order=order, report=report.to_json(), at=now()))
            except RolloutFailed as error:
                told = report.ended("rolled back", str(error)).to_json()
                former = self.store.model(order.name)
                self.store.write_model(order.name, goals.not_begun(former, order.version, told, now()))
                raise
        return self._steps(mine, self._next(watch, mine.canary_percent), report)

    def _resume(self, model: ModelRelease) -> int:
        assert model.rollout is not None  # noqa: S101 - the caller has looked
        with self._sole():
            # What a killed command left half loaded is put in order.
            mine = self.roller.bring(
                lambda found: Goal(found, f"{model.rollout and model.rollout.version} is being rolled out")
            )
        begun = model.rollout
        self.order = replace(
            self.order,
            steps=begun.steps,
            every_s=begun.every_s,
            split=mine.split,
            shadow_percent=mine.shadow_percent if mine.shadow == begun.version else 0.0,
        )
        so_far = report_so_far(mine) or {}
        report = Report(begun.version, mine.labels[STABLE], self.order.limits, tuple(so_far.get("steps", ())))
        percents = ", ".join(f"{step:g}" for step in begun.steps)
        self.view.say(
            f"The rollout of {self.order.name} {begun.version} in steps of {percents}% goes on with "
            f"{words.traffic(mine.canary_percent)}, from the beginning of that step; each takes {begun.every_s:g} s."
        )
        copied = mine.shadow == begun.version
        watch = Watch(report.stable, mine.canary_percent, copied=copied, began_s=self.clock())
        return self._steps(mine, self._next(watch, mine.canary_percent), report)

    def _steps(self, mine: ModelRelease, watch: Watch, report: Report) -> int:
        """Watches step after step until the end."""
        order, since = self.order, now()
        try:
            while True:
                watch, look = self._watched(mine, watch)
                step = Step(watch.percent, since, now(), look.verdict, *watch.seen(order.version))
                report = report.with_step(step)
                following = self._following(mine) if look.turn is Turn.ON else None
                if look.turn is Turn.BACK:
                    return self._back(mine, report, "; ".join(look.verdict.reasons))
                if following is None:
                    return self._promote(mine, report)
                try:
                    make_goal = partial(goals.advance, mine=mine, step=following, report=report.to_json(), at=now())
                    with self._sole():
                        mine = self.roller.bring(make_goal)
                except (RolloutFailed, NoReplica) as error:
                    return self._back(mine, report, str(error))
                since, watch = now(), self._next(watch, mine.canary_percent)
        except ChangedByOthers as change:
            return self._stopped(report, f"somebody else changed what serves: {change}")

    def _watched(self, mine: ModelRelease, watch: Watch) -> tuple[Watch, Look]:
        """Looks until there is something to do. Raises ChangedByOthers."""
        while True:
            unread = ""
            try:
                changed = goals.changed_by_others(self.store.model(self.order.name), mine)
            except (OSError, ReleaseError) as error:
                # A shared file system may be away for a moment; who then stopped would leave nobody watching.
                changed, unread = "", str(error)
            if changed:
                raise ChangedByOthers(changed)
            replicas = self.replicas.status(self.order.name)
            watch, look = watch.look(self.order, self.gateways.scrape(), replicas, self.clock(), unread)
            self.view.show(Scene(self.order, watch.stable, watch.percent, look))
            if look.turn is not Turn.STAY:
                return watch, look
            self.sleep(self.order.poll_s)

    def _next(self, watch: Watch, percent: float) -> Watch:
        return watch.next_step(percent, self.gateways.scrape(), self.clock())

    def _following(self, mine: ModelRelease) -> int | None:
        """The step after the one in force, None after the last."""
        assert mine.rollout is not None  # noqa: S101 - the rollout is under way
        if not mine.canary_percent:
            return 0
        step = mine.rollout.step + 1
        return step if step < len(mine.rollout.steps) else None

    def _promote(self, mine: ModelRelease, report: Report) -> int:
        ended = report.ended("promoted", f"all {len(report.steps)} steps went well").to_json()
        try:
            with self._sole():
                self.roller.bring(partial(goals.promoted, mine=mine, report=ended, at=now()))
        except (RolloutFailed, NoReplica) as error:
            return self._back(mine, report, str(error))
        self.view.say(f"{self.order.name} {self.order.version} is {STABLE}: {ended['reason']}.")
        return 0

    def _back(self, mine: ModelRelease, report: Report, reason: str) -> int:
        ended = report.ended("rolled back", reason).to_json()
        make_goal = partial(goals.gone_back, mine=mine, report=ended, at=now())
        self.view.say(f"{self.order.name} {self.order.version} goes back: {reason}.")
        with self._sole():
            try:
                self.roller.bring(make_goal)
            except NoReplica:
                # Nobody has it loaded; once they are back they shall not load it again.
                offline.bring(self.store, self.order.name, make_goal, self.view.say)
        return 1

    def _stopped(self, report: Report, reason: str) -> int:
        """Keeps the report of a rollout that somebody else has ended."""
        told = report.ended("stopped", reason).to_json()
        with self._sole():
            self.store.write_model(self.order.name, with_report(self.store.model(self.order.name), told))
        self.view.say(f"The rollout of {self.order.name} {self.order.version} stops: {reason}.")
        return 1

    @contextmanager
    def _sole(self) -> Iterator[None]:
        """The sole right to change what serves, waited for while another command is at work. Raises RolloutBusy."""
        give_up = self.clock() + _BUSY_S
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.store.rollout(self.order.name))
                    break
                except RolloutBusy:
                    if self.clock() > give_up:
                        raise
                self.sleep(_BUSY_POLL_S)
            yield
