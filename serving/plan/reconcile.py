"""The next step from what serves to what is to serve: a pure function of release.json and of what the replicas see.

TensorFlow Serving's rules make the order. A label may move only to a loaded version, and one config that adds a version
and also moves a used label to it is refused whole. So: load the version, wait until it is AVAILABLE on every replica,
move labels and traffic, and retire what nothing uses any more only after traffic has followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from contract.client import VersionStatus
from contract.release import CANARY, ModelRelease
from serving.plan.goals import Goal
from serving.replicas import ReplicaStatus

END = "END"


@dataclass(frozen=True)
class Load:
    """Write this state: new versions beside those that serve, under no label and without traffic."""

    model: ModelRelease
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Wait:
    """Ask again: a version is not AVAILABLE on these replicas yet, each with its state."""

    version: int
    missing: Mapping[str, str]


@dataclass(frozen=True)
class Steer:
    """Write this state: labels and traffic as they are to be; nothing is unloaded yet."""

    model: ModelRelease


@dataclass(frozen=True)
class Retire:
    """Write this state as soon as traffic has followed: these versions are used no more."""

    model: ModelRelease
    versions: tuple[int, ...]


@dataclass(frozen=True)
class GiveUp:
    """A version ended with an error."""

    version: int
    reason: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


Action = Load | Wait | Steer | Retire | GiveUp | Done
# What replicas said of versions before the rollout began: an old failure of the same version is no news.
Before = Mapping[tuple[str, int], VersionStatus]


def next_action(
    model: ModelRelease, goal: Goal, replicas: Sequence[ReplicaStatus], before: Before | None = None
) -> Action:
    """The one next step.

    Args:
        model: The state in ``release.json``.
        goal: The state to come to.
        replicas: What every replica says now.
        before: What replicas said before the first step, as far as they still say the same.
    """
    end = goal.end
    new = tuple(version for version in end.versions if version not in model.versions)
    away = {one.replica: state_of(one, new[0]) for one in replicas if one.away} if new and goal.patient else {}
    if away:
        # It may be away because of this very version, which must not end the next one too.
        return Wait(new[0], away)
    if new:
        return Load(replace(model, versions=tuple(sorted({*model.versions, *new}))), new)
    if replace(end, versions=model.versions) != model:
        asked = [one for one in replicas if goal.patient or not one.away]
        hindrance = _hindrance(arriving(model, end), asked, before or {})
        return hindrance or Steer(replace(end, versions=model.versions))
    old = tuple(version for version in model.versions if version not in end.versions)
    return Retire(end, old) if old else Done()


def arriving(model: ModelRelease, end: ModelRelease) -> tuple[int, ...]:
    """The versions that get a label, copies or a greater share of traffic: they have to be AVAILABLE first."""
    moved = {version for label, version in end.labels.items() if model.labels.get(label) != version}
    if end.canary_percent > model.canary_percent:
        moved.add(end.labels[CANARY])
    if end.shadow is not None and end.shadow != model.shadow:
        moved.add(end.shadow)
    return tuple(sorted(moved))


def state_of(replica: ReplicaStatus, version: int) -> str:
    """A word or two for people: the version's state at a replica."""
    if replica.away:
        return "does not answer"
    status = replica.of(version)
    return "not seen" if status is None else status.state


def _hindrance(versions: Sequence[int], replicas: Sequence[ReplicaStatus], before: Before) -> GiveUp | Wait | None:
    """Why the versions cannot have traffic, or cannot yet."""
    for version in versions:
        failed = {one.replica: one.of(version) for one in replicas if _failed(one, version, before)}
        if failed:
            return GiveUp(version, "; ".join(f"{name}: {status.error}" for name, status in failed.items() if status))
    for version in versions:
        missing = {one.replica: state_of(one, version) for one in replicas if not _available(one, version)}
        if missing:
            return Wait(version, missing)
    return None


def _available(replica: ReplicaStatus, version: int) -> bool:
    status = replica.of(version)
    return status is not None and status.available


def _failed(replica: ReplicaStatus, version: int, before: Before) -> bool:
    status = replica.of(version)
    if status is None or status.state != END or not status.error:
        return False
    return before.get((replica.replica, version)) != status
