"""Whether all is well with a version, in a word and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.web.operations.comparison import Figures
from gateway.web.operations.words import percent

Status = Literal["well", "waiting", "troubled", "failed", "unknown"]
# One failure among few requests is no news of a version.
_TROUBLED_RATE = 0.01
_ENOUGH = 20


@dataclass(frozen=True)
class Health:
    """How a version is.

    Attributes:
        status: In a word.
        text: In a few.
    """

    status: Status
    text: str


def health(state: str, error: str, *, wanted: bool, figures: Figures) -> Health:
    """A version's health.

    Args:
        state: On the model server.
        error: Why it is not loaded, in words for everybody.
        wanted: Whether the release state names it.
        figures: What was counted of it.
    """
    if state == "AVAILABLE":
        return _answering(figures)
    if state == "UNKNOWN":
        return Health("unknown", "The model server does not say")
    if error:
        return Health("failed", error)
    if state in {"START", "LOADING"}:
        return Health("waiting", "Being loaded")
    if state == "UNLOADING":
        return Health("waiting", "Being unloaded")
    return Health("failed", "Should be loaded, but is not") if wanted else Health("unknown", "Not loaded")


def _answering(figures: Figures) -> Health:
    rate = figures.error_rate
    if rate and rate >= _TROUBLED_RATE and figures.requests >= _ENOUGH:
        return Health("troubled", f"{percent(rate)} of its requests failed")
    return Health("well", "Answers")
