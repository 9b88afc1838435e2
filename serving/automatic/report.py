"""The report of an automatic rollout, as the history keeps it: plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from serving.automatic.figures import Comparison, Figures
from serving.automatic.judge import Verdict
from serving.automatic.limits import Limits

Outcome = Literal["running", "promoted", "rolled back", "stopped"]
_DIGITS = 4


@dataclass(frozen=True)
class Step:
    """What was seen while a share was in force; 0 percent stands for copies alone."""

    percent: float
    since: str
    until: str
    verdict: Verdict
    stable: Figures
    candidate: Figures
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """As a part of the report."""
        # Without traffic of its own the candidate is known by the copies that it answered.
        candidate = self.candidate if self.percent else self.comparison.as_shadow
        return {
            "percent": self.percent,
            "since": self.since,
            "until": self.until,
            "verdict": str(self.verdict.decision),
            "reasons": list(self.verdict.reasons),
            "stable": figures_json(self.stable),
            "candidate": figures_json(candidate),
            "agreement": _rounded(self.comparison.agreement),
            "difference": _rounded(self.comparison.difference),
        }


@dataclass(frozen=True)
class Report:
    """A rollout so far, or to its end."""

    version: int
    stable: int
    limits: Limits
    steps: tuple[dict[str, Any], ...] = ()
    outcome: Outcome = "running"
    reason: str = ""

    def with_step(self, step: Step) -> Report:
        """With one more step at its end."""
        return replace(self, steps=(*self.steps, step.to_json()))

    def ended(self, outcome: Outcome, reason: str) -> Report:
        """With its end."""
        return replace(self, outcome=outcome, reason=reason)

    def to_json(self) -> dict[str, Any]:
        """As the history keeps it."""
        return {
            "version": self.version,
            "stable": self.stable,
            "outcome": self.outcome,
            "reason": self.reason,
            "limits": asdict(self.limits),
            "steps": list(self.steps),
        }


def figures_json(figures: Figures) -> dict[str, Any]:
    """One version's figures; null for what is not known."""
    return {
        "requests": figures.requests,
        "error_rate": _rounded(figures.error_rate),
        "p50_ms": milliseconds(figures, 0.5),
        "p95_ms": milliseconds(figures, 0.95),
        "unknown_rate": _rounded(figures.unknown_rate),
        "confidence": _rounded(figures.confidence),
    }


def milliseconds(figures: Figures, share: float) -> float | None:
    """A percentile of the time that classifications took."""
    seconds = figures.seconds.quantile(share)
    return None if seconds is None else round(seconds * 1000, 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
