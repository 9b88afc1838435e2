"""What is to serve in the end: each operator's wish as a function of what serves now.

A wish that is fulfilled already gives the state as it is, so that a command may be run twice, or again after it was cut
short: what it left half done is no part of the state that a goal is made from (`settled`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from contract.release import CANARY, STABLE, HistoryEntry, ModelRelease, Split
from serving.plan import words

PUBLISH = "publish"
PROMOTE = "promote"
ROLLBACK = "rollback"
SHADOW = "shadow"
ROLLOUT = "rollout"
# What an automatic rollout leaves in the history: plain JSON.
Report = Mapping[str, Any]


class GoalError(Exception):
    """A wish that makes no sense for what serves now; nothing was changed."""


@dataclass(frozen=True)
class Goal:
    """The state to come to.

    Attributes:
        end: That state; its versions are those that it uses.
        already: What to say if it is reached before anything was done.
        patient: True to wait for replicas that do not answer too. Who goes back cannot wait for them.
    """

    end: ModelRelease
    already: str
    patient: bool = True


def settled(model: ModelRelease) -> ModelRelease:
    """The state without versions on their way in or out, as a command that was killed may leave them."""
    return replace(model, versions=model.used)


def publish(model: ModelRelease, version: int, at: str) -> Goal:
    """``stable`` names the version; what was stable before stays loaded for a rollback. Raises GoalError."""
    _no_rollout(model)
    return Goal(_stable(model, version, PUBLISH, at), f"{version} is already {STABLE}")


def canary(model: ModelRelease, version: int, percent: float, split: Split, at: str) -> Goal:
    """``canary`` names the version, which gets a share of traffic. Raises GoalError."""
    _no_rollout(model)
    _other_than_stable(model, version, CANARY)
    labels = {**model.labels, CANARY: version}
    end = replace(_holding(model, version), labels=labels, canary_percent=float(percent), split=split)
    note = f"{percent:g}% by {split}"
    return Goal(_entered(model, end, HistoryEntry(at, CANARY, version, note)), f"{version} is already {CANARY}: {note}")


def no_canary(model: ModelRelease, at: str) -> Goal:
    """No version is ``canary``. Raises GoalError."""
    _no_rollout(model)
    version = model.labels.get(CANARY)
    if version is None:
        return Goal(settled(model), f"has no {CANARY}")
    return Goal(_entered(model, _without_canary(model), HistoryEntry(at, CANARY, version, "off")), "")


def shadow(model: ModelRelease, version: int, percent: float, at: str) -> Goal:
    """The version gets copies of a share of requests. Raises GoalError."""
    _no_rollout(model)
    _other_than_stable(model, version, SHADOW)
    end = replace(_holding(model, version), shadow=version, shadow_percent=float(percent))
    note = f"{percent:g}%"
    return Goal(_entered(model, end, HistoryEntry(at, SHADOW, version, note)), f"{version} is already {SHADOW}: {note}")


def no_shadow(model: ModelRelease, at: str) -> Goal:
    """No version gets copies of requests. Raises GoalError."""
    _no_rollout(model)
    if model.shadow is None:
        return Goal(settled(model), f"has no {SHADOW}")
    end = replace(model, shadow=None, shadow_percent=100.0)
    return Goal(_entered(model, end, HistoryEntry(at, SHADOW, model.shadow, "off")), "")


def promote(model: ModelRelease, version: int | None, at: str) -> Goal:
    """The canary, or the named one of canary and shadow, becomes ``stable``. Raises GoalError."""
    _no_rollout(model)
    if version is None:
        version = model.labels.get(CANARY, _promoted(model))
    candidates = {number for number in (model.labels.get(CANARY), model.shadow) if number is not None}
    if version is None or version not in {*candidates, model.labels.get(STABLE)}:
        known = ", ".join(map(str, sorted(candidates))) or "there is none"
        raise GoalError(f"Expected a version that is {CANARY} or {SHADOW}: {known}. Received: {version or 'none'}")
    return Goal(_stable(model, version, PROMOTE, at), f"{version} is already {STABLE}")


def rollback(model: ModelRelease, to: int | None, at: str) -> Goal:
    """Back to what was there before the last change.

    A canary, a shadow and an automatic rollout are withdrawn. Where there are none, or a version is named, ``stable``
    moves back. Another rollback right after one goes no further, unless it names a version: it may be the first one
    again, by somebody who does not know how far that came.

    Raises:
        GoalError: There is nothing to go back to.
    """
    stable = model.labels.get(STABLE)
    if to is None and (CANARY in model.labels or model.shadow is not None or model.rollout is not None):
        withdrawn = _candidates(model)
        entry = HistoryEntry(at, ROLLBACK, stable or 0, f"withdrew {withdrawn}")
        return Goal(_entered(model, _withdrawn(model), entry), "", patient=False)
    if to is None and model.history and model.history[-1].action == ROLLBACK:
        last = model.history[-1]
        return Goal(
            settled(model), f"was rolled back already, at {last.at}; to go on, name a version with --to", patient=False
        )
    target = model.previous if to is None else to
    if target is None:
        before = "" if stable is None else f", kept from before {stable}"
        raise GoalError(f"Expected a version to go back to{before}. Received: none; name one with --to")
    end = _holding(_withdrawn(model), target)
    previous = model.previous if target == stable else None
    end = replace(end, labels={**end.labels, STABLE: target}, previous=previous)
    entry = HistoryEntry(at, ROLLBACK, target, "" if stable is None else f"was {stable}")
    return Goal(_entered(model, end, entry), f"{target} is already {STABLE}", patient=False)


def without_candidate(model: ModelRelease) -> ModelRelease:
    """The state without canary, shadow and automatic rollout."""
    return settled(replace(_without_canary(model), shadow=None, shadow_percent=100.0, rollout=None))


def with_report(model: ModelRelease, report: Report | None) -> ModelRelease:
    """The state with the report of its newest automatic rollout replaced, in the entry of that one's beginning."""
    history = list(model.history)
    for place in reversed(range(len(history))):
        if history[place].action == ROLLOUT:
            history[place] = replace(history[place], report=report)
            break
    return replace(model, history=tuple(history))


def report_so_far(model: ModelRelease) -> Report | None:
    """The report of the newest automatic rollout, as far as it has come."""
    return next((entry.report for entry in reversed(model.history) if entry.action == ROLLOUT), None)


def _withdrawn(model: ModelRelease) -> ModelRelease:
    """Without a candidate; the report of its rollout says why that ended, for there may be no watcher left to do so."""
    so_far = report_so_far(model)
    if model.rollout is None or so_far is None:
        return without_candidate(model)
    return with_report(
        without_candidate(model), {**so_far, "outcome": "stopped", "reason": "rolled back by an operator"}
    )


def _stable(model: ModelRelease, version: int, action: str, at: str) -> ModelRelease:
    former = model.labels.get(STABLE)
    if former == version:
        return settled(model)
    end = _without_canary(model) if model.labels.get(CANARY) == version else model
    if end.shadow == version:
        end = replace(end, shadow=None, shadow_percent=100.0)
    end = replace(_holding(end, version), previous=former, labels={**end.labels, STABLE: version})
    return _entered(model, end, HistoryEntry(at, action, version, "" if former is None else f"was {former}"))


def _entered(former: ModelRelease, end: ModelRelease, entry: HistoryEntry) -> ModelRelease:
    """The end with its own versions, and with the entry if anything is new."""
    return settled(end) if settled(end) == settled(former) else settled(end).with_entry(entry)


def _holding(model: ModelRelease, version: int) -> ModelRelease:
    return replace(model, versions=tuple(sorted({*model.versions, version})))


def _without_canary(model: ModelRelease) -> ModelRelease:
    labels = {label: version for label, version in model.labels.items() if label != CANARY}
    return replace(model, labels=labels, canary_percent=0.0, split="client")


def _other_than_stable(model: ModelRelease, version: int, what: str) -> None:
    """Raises GoalError if there is no stable version, or if it is the version itself."""
    stable = model.labels.get(STABLE)
    if stable is None:
        raise GoalError(
            f"Expected a {STABLE} version beside which {version} can be {what}. Received: none; publish one"
        )
    if stable == version:
        raise GoalError(f"Expected a version other than the {STABLE} one to be {what}. Received: {version}")


def _no_rollout(model: ModelRelease) -> None:
    under_way = model.rollout
    if under_way is not None:
        raise GoalError(
            f"An automatic rollout of version {under_way.version} is under way, with "
            f"{words.traffic(model.canary_percent)}. End it with `rollback`, or let `rollout` go on with it"
        )


def _promoted(model: ModelRelease) -> int | None:
    """The version of the last thing done, if that was its promotion."""
    return model.history[-1].version if model.history and model.history[-1].action == PROMOTE else None


def _candidates(model: ModelRelease) -> str:
    named = [f"{CANARY} {model.labels[CANARY]}"] if CANARY in model.labels else []
    named += [f"{SHADOW} {model.shadow}"] if model.shadow is not None else []
    return " and ".join(named) or "the automatic rollout"
