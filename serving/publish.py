"""Brings a version live on running model servers: asks `rollout.next_action` what is next, and does it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from contract.client import VersionStatus
from contract.release import STABLE, ModelRelease
from serving import rollout
from serving.release_store import ReleaseStore
from serving.replicas import Replicas, ReplicaStatus
from serving.rollout import Before, Done, GiveUp, Load, Promote, Wait
from serving.tables import Say

_POLL_S = 0.2
# A server takes a new models.config within its poll interval; until then it may still report an older failure.
_OLD_NEWS_S = 10.0
# A server tries to load a version again and again, and tells why it could not only when the version is taken away.
_LAST_WORDS_S = 4.0


class RolloutFailed(Exception):
    """A version that did not become available everywhere; the release state is what it was before."""


class RolloutLate(RolloutFailed):
    """The version was neither available nor refused in time."""


class NoReplica(Exception):
    """No model server answers; nothing was changed."""


@dataclass(frozen=True)
class Rollout:
    """One version on its way to ``stable``.

    Attributes:
        store: Where the release state is written.
        name: The model.
        target: A version in the repository.
        say: Told what happens, one sentence at a time.
    """

    store: ReleaseStore
    name: str
    target: int
    say: Say

    def online(self, replicas: Replicas, timeout_s: float) -> None:
        """Adds the version, waits until it is AVAILABLE on every replica and moves ``stable`` to it.

        To be called, as `offline`, with the rollout's lock held (`ReleaseStore.rollout`).

        Raises:
            RolloutFailed: It ended with an error or was late somewhere; the release state is put back.
            NoReplica: Nobody answers; nothing was changed.
        """
        self.store.repair()
        former = rollout.settled(self.store.model(self.name))
        if former.labels.get(STABLE) == self.target:
            self.store.write_model(self.name, former)
        else:
            first = answers(replicas, self.name)
            try:
                self._steps(replicas, first, timeout_s)
            except RolloutLate as late:
                self.store.write_model(self.name, former)
                raise RolloutFailed(f"{late}{self._last_words(replicas)}") from None
            except BaseException:
                # An operator's Ctrl-C too: half a rollout helps nobody.
                self.store.write_model(self.name, former)
                raise
        self.say(self._summary(former, self.store.model(self.name)))

    def offline(self) -> None:
        """Writes the final state at once, for model servers that are started afterwards."""
        former = rollout.settled(self.store.model(self.name))
        after = rollout.live(former, self.target, _now())
        self.store.write_model(self.name, after)
        self.say(self._summary(former, after))

    def dry_run(self) -> None:
        """Says what `online` would do if all goes well; changes nothing."""
        model = former = rollout.settled(self.store.model(self.name))
        for action in _if_all_goes_well(model, self.target):
            model = action.model
            if isinstance(action, Load):
                self.say(f"{self.name} {self.target} would be loaded beside: {_listed(former.versions)}.")
        self.say(f"At the end: {self._summary(former, model)}")

    def _steps(self, replicas: Replicas, first: list[ReplicaStatus], timeout_s: float) -> None:
        started = time.monotonic()
        before: Before = {one.replica: one.of(self.target) for one in first}
        seen, told = first, ""
        while True:
            action = rollout.next_action(self.store.model(self.name), self.target, seen, _now(), before)
            if isinstance(action, Done):
                return
            waited_s = time.monotonic() - started
            said = self._apply(action, late=waited_s > timeout_s, timeout_s=timeout_s)
            if said not in ("", told):
                self.say(said)
                told = said
            if isinstance(action, Wait):
                time.sleep(_POLL_S)
            if not isinstance(action, Promote):
                seen = replicas.status(self.name)
                before = _unchanged(before, seen, self.target) if waited_s < _OLD_NEWS_S else {}

    def _apply(self, action: Load | Wait | Promote | GiveUp, *, late: bool, timeout_s: float) -> str:
        what = f"{self.name} {self.target}"
        match action:
            case Load(model):
                self.store.write_model(self.name, model)
                return f"{what} is added to models.config."
            case Promote(model):
                self.store.write_model(self.name, model)
                return f"{what} is AVAILABLE on every replica."
            case GiveUp(reason):
                raise RolloutFailed(f"{what} did not load; the release state is what it was before. {reason}")
            case Wait(missing):
                states = ", ".join(f"{replica}: {state}" for replica, state in missing.items())
                if late:
                    hint = " Does it poll models.config?" if "not seen" in states else ""
                    raise RolloutLate(
                        f"{what} was not AVAILABLE on every replica within {timeout_s:g} s; the release state is what "
                        f"it was before. {states}.{hint}"
                    )
                return f"Waiting for {what} to be AVAILABLE ({states})."

    def _last_words(self, replicas: Replicas) -> str:
        """What a replica that was still trying says of the version when it has to give up."""
        give_up = time.monotonic() + _LAST_WORDS_S
        while time.monotonic() < give_up:
            seen = [status for one in replicas.status(self.name) if (status := one.of(self.target))]
            for status in seen:
                if status.state == rollout.END and status.error:
                    return f" The server's reason: {status.error}"
            if all(status.state == rollout.END for status in seen):
                break
            time.sleep(_POLL_S)
        return ""

    def _summary(self, former: ModelRelease, after: ModelRelease) -> str:
        was = former.labels.get(STABLE)
        if was == self.target:
            return f"{self.name} {self.target} is already {STABLE}."
        kept = [version for version in after.versions if version != self.target]
        retired = [version for version in former.versions if version not in after.versions]
        facts = [f"{self.name} {self.target} is {STABLE}"]
        facts += [f"before it was {was}"] if was is not None else []
        facts += [f"still loaded: {_listed(kept)}"] if kept else []
        facts += [f"retired: {_listed(retired)}"] if retired else []
        return "; ".join(facts) + "."


def _if_all_goes_well(model: ModelRelease, target: int) -> Iterator[Load | Promote]:
    loaded = [ReplicaStatus("", (VersionStatus(target, "AVAILABLE"),))]
    while isinstance(action := rollout.next_action(model, target, loaded, _now()), Load | Promote):
        yield action
        model = action.model


def _unchanged(before: Before, seen: list[ReplicaStatus], target: int) -> Before:
    """The old news that is still old: the same failure after a change in between is a new one."""
    return {
        one.replica: before[one.replica]
        for one in seen
        if one.replica in before and before[one.replica] == one.of(target)
    }


def answers(replicas: Replicas, name: str) -> list[ReplicaStatus]:
    """Every replica's answer for a model. Raises NoReplica if none answers."""
    seen = replicas.status(name)
    if all(one.away for one in seen):
        raise NoReplica(
            f"No model server answers at {', '.join(replicas.addresses)}; nothing was changed. "
            "Start one, name it with --replica, or use --offline where none is to run"
        )
    return seen


def _listed(versions: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, versions)) or "none"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
