"""The rollout of a version as a pure plan: what release.json says and what the replicas see -> the next action.

TensorFlow Serving's rules make the order. A label may move only to a loaded version, and one config that adds a version
and also moves a used label to it is refused whole. So: add the version, wait until it is AVAILABLE on every replica,
move the label ``stable``; what falls out of the list then is retired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from contract.client import VersionStatus
from contract.release import STABLE, HistoryEntry, ModelRelease
from serving.replicas import ReplicaStatus

LOADING = "loading"
PUBLISH = "publish"
END = "END"


@dataclass(frozen=True)
class Load:
    """Write this state: the version beside those that serve, without a label."""

    model: ModelRelease


@dataclass(frozen=True)
class Wait:
    """Ask again: these replicas do not have the version yet, each with its state."""

    missing: Mapping[str, str]


@dataclass(frozen=True)
class Promote:
    """Write this state: ``stable`` names the version."""

    model: ModelRelease


@dataclass(frozen=True)
class GiveUp:
    """The version ended with an error."""

    reason: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do; this is the state."""

    model: ModelRelease


Action = Load | Wait | Promote | GiveUp | Done
# What replicas said before the rollout began: an old failure of the same version is no news.
Before = Mapping[str, VersionStatus | None]


def next_action(
    model: ModelRelease, target: int, replicas: Sequence[ReplicaStatus], at: str, before: Before | None = None
) -> Action:
    """The one next step that brings a model's label ``stable`` to the version `target`.

    Args:
        model: The state in ``release.json``.
        target: The version to go live.
        replicas: What every replica says now.
        at: The time for the history, ISO 8601 in UTC.
        before: Errors that replicas reported before `target` was added.
    """
    if model.labels.get(STABLE) == target:
        return Done(settled(model))
    if target not in model.versions:
        return Load(loading(model, target, at))
    failed = {one.replica: one.of(target) for one in replicas if _failed(one, target, before or {})}
    if failed:
        return GiveUp("; ".join(f"{replica}: {status.error}" for replica, status in failed.items() if status))
    missing = {one.replica: state_of(one, target) for one in replicas if not _available(one, target)}
    return Wait(missing) if missing else Promote(live(model, target, at))


def settled(model: ModelRelease) -> ModelRelease:
    """The state without the version that a publisher was still loading when it was killed."""
    if not model.history or model.history[-1].action != LOADING:
        return model
    keep = {*model.labels.values(), model.shadow}
    pending = model.history[-1].version
    versions = tuple(version for version in model.versions if version != pending or version in keep)
    return replace(model, versions=versions, history=model.history[:-1])


def loading(model: ModelRelease, target: int, at: str) -> ModelRelease:
    """The state with `target` added. The last entry of the history says that it waits to become AVAILABLE."""
    model = settled(model)
    return replace(
        model,
        versions=tuple(sorted({*model.versions, target})),
        history=(*model.history, HistoryEntry(at, LOADING, target)),
    )


def live(model: ModelRelease, target: int, at: str) -> ModelRelease:
    """The state with ``stable`` at `target`. Kept loaded: the former stable, for a rollback, and what is in use."""
    model = settled(model)
    if model.labels.get(STABLE) == target:
        return model
    used = {*model.labels.values(), model.shadow, target} - {None}
    former = model.labels.get(STABLE)
    return replace(
        model,
        versions=tuple(sorted(version for version in used if version is not None)),
        labels={**model.labels, STABLE: target},
        history=(*model.history, HistoryEntry(at, PUBLISH, target, "" if former is None else f"was {former}")),
    )


def state_of(replica: ReplicaStatus, version: int) -> str:
    """A word or two for people: the version's state at a replica."""
    if replica.away:
        return "does not answer"
    status = replica.of(version)
    return "not seen" if status is None else status.state


def _available(replica: ReplicaStatus, target: int) -> bool:
    status = replica.of(target)
    return status is not None and status.available


def _failed(replica: ReplicaStatus, target: int, before: Before) -> bool:
    status = replica.of(target)
    if status is None or status.state != END or not status.error:
        return False
    return before.get(replica.replica) != status
