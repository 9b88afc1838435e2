"""An automatic rollout's report as tables and curves. Whatever stands in it, what makes no sense is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.web.operations.scrub import scrubbed
from gateway.web.values import finite, moment

# The figures of one side and of a step that have a place of their own; others are listed by their names.
_SIDE = ("requests", "error_rate", "p50_ms", "p95_ms", "unknown_rate", "confidence")
_MOST_STEPS = 50
_MOST_LIMITS = 30
_LONGEST = 500


@dataclass(frozen=True)
class Side:
    """What one version did during a step; shares are of 1, None where the report does not tell."""

    requests: float | None = None
    error_rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    unknown_rate: float | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Step:
    """One share of traffic and how it went.

    Attributes:
        percent: The candidate's share.
        since: When it began.
        until: When it ended.
        verdict: What was decided then.
        reasons: Why.
        stable: The stable version's figures.
        candidate: The candidate's.
        agreement: The share of pictures for which both named the same top class.
        difference: The mean absolute difference of their probabilities.
    """

    percent: float | None
    since: datetime | None
    until: datetime | None
    verdict: str
    reasons: tuple[str, ...]
    stable: Side
    candidate: Side
    agreement: float | None
    difference: float | None


@dataclass(frozen=True)
class Report:
    """An automatic rollout, from its first step to its end.

    Attributes:
        version: The version that was rolled out, as text.
        stable: The one that it was compared with, as text.
        outcome: How it ended.
        reason: Why.
        limits: Names and values of what it went by.
        steps: In order.
    """

    version: str = ""
    stable: str = ""
    outcome: str = ""
    reason: str = ""
    limits: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = field(default=())


def read(value: object) -> Report | None:
    """A report from what a history's entry holds; None if that is nothing like one."""
    if not isinstance(value, Mapping) or not value:
        return None
    limits = value.get("limits")
    pairs = list(limits.items())[:_MOST_LIMITS] if isinstance(limits, Mapping) else []
    return Report(
        version=_text(value.get("version")),
        stable=_text(value.get("stable")),
        outcome=_text(value.get("outcome")),
        reason=_text(value.get("reason")),
        limits=tuple((_text(name).replace("_", " "), _text(limit)) for name, limit in pairs),
        steps=tuple(_step(one) for one in _list(value.get("steps"))[:_MOST_STEPS] if isinstance(one, Mapping)),
    )


def _step(value: Mapping[str, Any]) -> Step:
    return Step(
        percent=finite(value.get("percent")),
        since=moment(value.get("since")),
        until=moment(value.get("until")),
        verdict=_text(value.get("verdict")),
        reasons=tuple(_text(one) for one in _list(value.get("reasons"))[:_MOST_LIMITS] if _text(one)),
        stable=_side(value.get("stable")),
        candidate=_side(value.get("candidate")),
        agreement=finite(value.get("agreement")),
        difference=finite(value.get("difference")),
    )


def _side(value: object) -> Side:
    told = value if isinstance(value, Mapping) else {}
    return Side(**{name: finite(told.get(name)) for name in _SIDE})


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else []


def _text(value: object) -> str:
    """Words and numbers as text; anything else is not shown."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return scrubbed(shown[:_LONGEST])
