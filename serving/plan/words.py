"""What serves, in words for people."""

from __future__ import annotations

from collections.abc import Iterable

from contract.release import CANARY, STABLE, ModelRelease
from serving.plan.goals import Goal


def outcome(name: str, former: ModelRelease, goal: Goal) -> str:
    """What came of a wish, in one sentence."""
    return f"{name} {goal.already}." if goal.end == former else summary(name, former, goal.end)


def summary(name: str, former: ModelRelease, after: ModelRelease) -> str:
    """What is different after a change, in one sentence."""
    facts = [*_stable(name, former, after), *_canary(name, former, after), *_shadow(name, former, after)]
    kept = [version for version in after.versions if version not in {*after.labels.values(), after.shadow}]
    retired = [version for version in former.versions if version not in after.versions]
    facts += [f"still loaded: {listed(kept)}"] if kept else []
    facts += [f"retired: {listed(retired)}"] if retired else []
    return "; ".join(facts) + "."


def traffic(percent: float) -> str:
    """What a version gets that is rolled out."""
    return f"{percent:g}% of traffic" if percent else "copies of requests only"


def listed(versions: Iterable[int]) -> str:
    """Versions with commas between."""
    return ", ".join(map(str, versions)) or "none"


def _stable(name: str, former: ModelRelease, after: ModelRelease) -> list[str]:
    was, now = former.labels.get(STABLE), after.labels.get(STABLE)
    if was == now:
        return []
    return [f"{name} {now} is {STABLE}", *([f"before it was {was}"] if was is not None else [])]


def _canary(name: str, former: ModelRelease, after: ModelRelease) -> list[str]:
    was, now = former.labels.get(CANARY), after.labels.get(CANARY)
    if now is not None:
        if (was, former.canary_percent, former.split) == (now, after.canary_percent, after.split):
            return []
        return [f"{name} {now} is {CANARY} with {after.canary_percent:g}% of traffic, by {after.split}"]
    return [f"{name} {was} is {CANARY} no more"] if was not in (None, after.labels.get(STABLE)) else []


def _shadow(name: str, former: ModelRelease, after: ModelRelease) -> list[str]:
    if (former.shadow, former.shadow_percent) == (after.shadow, after.shadow_percent):
        return []
    if after.shadow is not None:
        return [f"{name} {after.shadow} gets a copy of {after.shadow_percent:g}% of requests"]
    return [f"{name} {former.shadow} gets no copies of requests any more"]
