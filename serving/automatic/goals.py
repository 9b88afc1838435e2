"""What is to serve at each turn of an automatic rollout, as functions of what serves now.

While it is under way ``release.json`` says so, and one entry of the history, its first, holds the report so far. Only
who finds the state as he left it (`changed_by_others`) may change it.
"""

from __future__ import annotations

from dataclasses import replace

from contract.release import CANARY, STABLE, HistoryEntry, ModelRelease
from serving.automatic.order import Order
from serving.plan.goals import (
    PROMOTE,
    ROLLBACK,
    ROLLOUT,
    Goal,
    GoalError,
    Report,
    settled,
    with_report,
    without_candidate,
)


class ChangedByOthers(Exception):
    """Somebody else changed what serves of the model meanwhile."""


def begin(model: ModelRelease, order: Order, report: Report, at: str) -> Goal:
    """The candidate is loaded and gets copies of requests, and without `Order.shadow_first` its first share too.

    Raises:
        GoalError: There is nothing to compare it with, or another version is on its way.
    """
    stable, others = model.labels.get(STABLE), _others(model, order.version)
    if stable is None:
        raise GoalError(f"Expected a {STABLE} version to compare with. Received: none; publish one")
    if stable == order.version:
        raise GoalError(f"Expected a version other than the {STABLE} one. Received: {order.version}")
    if others:
        raise GoalError(f"Expected no other version on its way. Received: {others}. End that first: `rollback`")
    percents = ", ".join(f"{step:g}" for step in order.steps)
    entry = HistoryEntry(at, ROLLOUT, order.version, f"{percents}% of traffic by {order.split}", report)
    end = replace(
        without_candidate(model),
        versions=tuple(sorted({*model.versions, order.version})),
        split=order.split,
        rollout=order.under_way(at),
    )
    if order.shadow_percent > 0:
        end = replace(end, shadow=order.version, shadow_percent=order.shadow_percent)
    if not order.begins_with_shadow:
        end = _sharing(end, order.version, order.steps[0])
    return Goal(settled(end).with_entry(entry), "")


def advance(model: ModelRelease, mine: ModelRelease, step: int, report: Report, at: str) -> Goal:
    """The candidate gets the share of a step. Raises ChangedByOthers."""
    _check(model, mine)
    assert model.rollout is not None  # noqa: S101 - else it would not be as it was left
    end = _sharing(model, model.rollout.version, model.rollout.steps[step])
    end = replace(end, rollout=replace(model.rollout, step=step, since=at))
    return Goal(with_report(end, report), "")


def promoted(model: ModelRelease, mine: ModelRelease, report: Report, at: str) -> Goal:
    """The candidate is stable; what was stable stays loaded for a rollback. Raises ChangedByOthers."""
    _check(model, mine)
    assert model.rollout is not None  # noqa: S101
    version, former = model.rollout.version, model.labels[STABLE]
    end = replace(without_candidate(model), versions=model.versions, previous=former)
    end = settled(replace(end, labels={**end.labels, STABLE: version}))
    entry = HistoryEntry(at, PROMOTE, version, f"was {former}; automatically", report)
    return Goal(with_report(end, None).with_entry(entry), "")


def gone_back(model: ModelRelease, mine: ModelRelease, report: Report, at: str) -> Goal:
    """The candidate gets nothing any more and is retired. Raises ChangedByOthers."""
    _check(model, mine)
    assert model.rollout is not None  # noqa: S101
    entry = HistoryEntry(at, ROLLBACK, model.labels[STABLE], f"withdrew {model.rollout.version}, automatically", report)
    return Goal(with_report(without_candidate(model), None).with_entry(entry), "", patient=False)


def not_begun(model: ModelRelease, version: int, report: Report, at: str) -> ModelRelease:
    """What serves, with an entry for a candidate that did not even load."""
    entry = HistoryEntry(at, ROLLBACK, model.labels[STABLE], f"{version} did not load", report)
    return model.with_entry(entry)


def cut_short(model: ModelRelease, version: int) -> Report | None:
    """The report of a rollout of the version whose end was decided, but not carried out to the last; else None."""
    last = model.history[-1].report if model.history else None
    unfinished = model.rollout is None and model != settled(model)
    return last if unfinished and last is not None and last.get("version") == version else None


def changed_by_others(model: ModelRelease, mine: ModelRelease) -> str:
    """What is not as it was left, in words; empty if all is."""
    for field in ("rollout", "labels", "canary_percent", "split", "shadow", "shadow_percent"):
        left, found = getattr(mine, field), getattr(model, field)
        if left != found:
            return (
                "the rollout was ended" if field == "rollout" and found is None else f"{field}: {left} is now {found}"
            )
    return ""


def _check(model: ModelRelease, mine: ModelRelease) -> None:
    changed = changed_by_others(model, mine)
    if changed:
        raise ChangedByOthers(changed)


def _sharing(model: ModelRelease, version: int, percent: float) -> ModelRelease:
    return replace(model, labels={**model.labels, CANARY: version}, canary_percent=percent)


def _others(model: ModelRelease, version: int) -> str:
    """Versions other than the candidate that are canary, shadow or rolled out."""
    rolled_out = None if model.rollout is None else model.rollout.version
    named = {CANARY: model.labels.get(CANARY), "shadow": model.shadow, ROLLOUT: rolled_out}
    return ", ".join(f"{what} {found}" for what, found in named.items() if found not in (None, version))
