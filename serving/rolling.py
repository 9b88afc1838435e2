"""Brings a model to a goal on running model servers: asks `reconcile.next_action` what is next, and does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from contract.release import ModelRelease
from serving.errors import NoReplica, RolloutFailed, RolloutLate
from serving.plan import words
from serving.plan.goals import Goal, settled
from serving.plan.reconcile import Action, Before, Done, GiveUp, Load, Retire, Steer, Wait, arriving, next_action
from serving.release_store import ReleaseStore
from serving.reloading import Reloader
from serving.replicas import Replicas, ReplicaStatus
from serving.tables import Say
from serving.verify import Finding

_POLL_S = 0.2
# A server takes a new models.config within its poll interval; until then it may still report an older failure.
_OLD_NEWS_S = 10.0
# A server tries to load a version again and again, and tells why it could not only when the version is taken away.
_LAST_WORDS_S = 4.0
# Where nobody has answered for so long while a version loads, it may be what ended them: they are to start without it.
_NOBODY_S = 5.0

MakeGoal = Callable[[ModelRelease], Goal]
# Tries a version that every replica has loaded, on each of them, and tells what it found.
Trial = Callable[[int], Sequence[Finding]]
# So many trials in a row have to fail, for a replica that is killed meanwhile is not the version's fault.
_TRIALS = 3


@dataclass(frozen=True)
class Pace:
    """How long things may take, in seconds.

    Attributes:
        timeout_s: For a version to become AVAILABLE everywhere.
        drain_s: For traffic to leave a version before it is retired; gateways follow within a second.
    """

    timeout_s: float = 120.0
    drain_s: float = 2.0


class Roller:
    """Brings one model to one goal after the other.

    To be used with the rollout's lock held (`ReleaseStore.rollout`).
    """

    def __init__(
        self,
        store: ReleaseStore,
        name: str,
        replicas: Replicas,
        say: Say,
        *,
        pace: Pace = Pace(),
        reload: bool = False,
        trial: Trial = lambda _version: (),
    ) -> None:
        """Asks nobody yet.

        Args:
            store: Where the state is written.
            name: The model.
            replicas: All of its model servers.
            say: Told what happens.
            pace: How long things may take.
            reload: Send each new models.config to every replica: for servers that do not poll it. One of them loads a
                new version before the others do, so that a version which ends its server ends but one.
            trial: What a version has to stand before it gets a label or a request; nothing if it is trusted.
        """
        self.name = name
        self._store = store
        self._replicas = replicas
        self._say = say
        self._pace = pace
        self._reloader = Reloader(store, replicas) if reload else None
        self._told = ""
        self._answered = float("-inf")
        self._first: str | None = None
        self._trial = trial
        self._trials = 0
        self._steered = False

    def bring(self, make_goal: MakeGoal) -> ModelRelease:
        """Comes to the goal that is made of what serves now, and gives the state then.

        Raises:
            GoalError: The goal makes no sense; nothing was changed.
            RolloutFailed: A version ended with an error or was late somewhere; the release state is put back.
            NoReplica: Nobody answers; nothing was changed.
        """
        self._store.repair()
        stored = self._store.model(self.name)
        former = settled(stored)
        goal = make_goal(former)
        if goal.end == stored:
            self._send()
            self._say(words.outcome(self.name, former, goal))
            return stored
        self._steps(former, goal, answers(self._replicas, self.name))
        self._say(words.outcome(self.name, former, goal))
        return goal.end

    def _steps(self, former: ModelRelease, goal: Goal, seen: list[ReplicaStatus]) -> None:
        self._steered = False
        try:
            self._act(goal, seen)
        except RolloutLate as late:
            self._restore(former)
            raise RolloutFailed(f"{late}{self._last_words(late.version)}") from None
        except BaseException:
            # An operator's Ctrl-C too: half a rollout helps nobody.
            # But once labels and traffic have moved, going on is as safe as going back, and is what was wanted.
            if not self._steered:
                self._restore(former)
            raise

    def _act(self, goal: Goal, seen: list[ReplicaStatus]) -> None:
        """Does what is next, again and again, and tells what that was."""
        started = self._answered = time.monotonic()
        self._first = next(one.replica for one in seen if not one.away)
        before: Before = {(one.replica, status.version): status for one in seen for status in one.versions}
        while not isinstance(action := next_action(self._store.model(self.name), goal, seen, before), Done):
            waited_s = time.monotonic() - started
            if isinstance(action, Steer) and goal.patient:
                self._try(action.model)
            else:
                self._apply(action, seen, late=waited_s > self._pace.timeout_s)
            if not self._steered:
                seen = self._replicas.status(self.name)
                self._answered = self._answered if all(one.away for one in seen) else time.monotonic()
                before = _unchanged(before, seen) if waited_s < _OLD_NEWS_S else {}

    def _apply(self, action: Action, seen: list[ReplicaStatus], *, late: bool) -> None:
        match action:
            case Load(model, versions):
                self._store.write_model(self.name, model)
                self._send(self._first)
                self._tell(f"{self.name} {words.listed(versions)} is added to models.config.")
            case Wait(version, missing):
                self._wait(version, ", ".join(f"{replica}: {state}" for replica, state in missing.items()), late=late)
                self._send_again(version, seen)
                time.sleep(_POLL_S)
            case Steer(model):
                self._steer(model)
            case Retire(model, versions):
                self._tell(f"{self.name} {words.listed(versions)} is retired as soon as traffic has left it.")
                time.sleep(self._pace.drain_s)
                self._write(model)
            case GiveUp(version, reason):
                raise RolloutFailed(
                    f"{self.name} {version} did not load; the release state is what it was before. {reason}"
                )

    def _steer(self, model: ModelRelease) -> None:
        self._write(model)
        self._steered = True
        self._tell(f"{self.name}: labels and traffic have moved.")

    def _try(self, model: ModelRelease) -> None:
        """Steers, if what is about to get labels or traffic does on every replica what it should."""
        for version in arriving(self._store.model(self.name), model):
            failed = [f"{one.check}: {one.reason}" for one in self._trial(version) if not one.ok]
            self._trials = self._trials + 1 if failed else 0
            if self._trials == _TRIALS:
                raise RolloutFailed(
                    f"{self.name} {version} is loaded, but not fit to serve; the release state is what it was before. "
                    f"{'; '.join(failed)}. --force overlooks it"
                )
            if failed:
                time.sleep(_POLL_S)
                return
        self._steer(model)

    def _wait(self, version: int, states: str, *, late: bool) -> None:
        what = f"{self.name} {version}"
        if late:
            hint = " Does it poll models.config? If not, use --reload." if "not seen" in states else ""
            raise RolloutLate(
                version,
                f"{what} was not AVAILABLE on every replica within {self._pace.timeout_s:g} s; the release state is "
                f"what it was before. {states}.{hint}",
            )
        if time.monotonic() - self._answered > _NOBODY_S:
            raise RolloutFailed(
                f"No model server has answered for {_NOBODY_S:g} s while {what} was loading: it may have ended them. "
                f"The release state is what it was before. {states}."
            )
        self._tell(f"Waiting for {what} to be AVAILABLE ({states}).")

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:
            self._say(sentence)
            self._told = sentence

    def _write(self, model: ModelRelease) -> None:
        self._store.write_model(self.name, model)
        self._send()

    def _restore(self, former: ModelRelease) -> None:
        self._store.write_model(self.name, former)
        with suppress(RolloutFailed):  # The first trouble is the one to tell of.
            self._send()

    def _send(self, only: str | None = None) -> None:
        if self._reloader:
            self._reloader.send(only)

    def _send_again(self, version: int, seen: list[ReplicaStatus]) -> None:
        """To all, if the first one has loaded the version and lives."""
        loaded = any(status.available for one in seen if (status := one.of(version)))
        if self._reloader:
            self._reloader.send_again(None if loaded else self._first)

    def _last_words(self, version: int) -> str:
        """What a replica that was still trying says of the version when it has to give up."""
        give_up = time.monotonic() + _LAST_WORDS_S
        while time.monotonic() < give_up:
            seen = [status for one in self._replicas.status(self.name) if (status := one.of(version))]
            for status in seen:
                if status.state == "END" and status.error:
                    return f" The server's reason: {status.error}"
            if all(status.state == "END" for status in seen):
                break
            time.sleep(_POLL_S)
        return ""


def answers(replicas: Replicas, name: str) -> list[ReplicaStatus]:
    """Every replica's answer for a model. Raises NoReplica if none answers."""
    seen = replicas.status(name)
    if all(one.away for one in seen):
        raise NoReplica(
            f"No model server answers at {', '.join(replicas.addresses)}; nothing was changed. "
            "Start one, name it with --replica, or use --offline where none is to run"
        )
    return seen


def _unchanged(before: Before, seen: list[ReplicaStatus]) -> Before:
    """The old news that is still old: the same failure after a change in between is a new one."""
    now = {(one.replica, status.version): status for one in seen for status in one.versions}
    return {key: status for key, status in before.items() if now.get(key) == status}
