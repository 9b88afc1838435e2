"""What the page shows of each model: its state with all that is drawn and listed, and no more than it can hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.web.operations import history, plots, words
from gateway.web.operations.comparison import Comparison
from gateway.web.operations.state import ModelState

# The rest of a history is folded away; beside other models, it is on a page of its own.
AT_ONCE = 10
_BESIDE_OTHERS = 10
# Name, stable's value, candidate's.
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Compared:
    """A comparison, its table and its plots."""

    comparison: Comparison
    rows: list[Row]
    plots: list[plots.Plot]


@dataclass(frozen=True)
class Shown:
    """One model's part of the page.

    Attributes:
        state: What is known.
        compared: Its comparisons.
        history: What was done, newest first; empty where `unchanged`.
        mark: A name for the history as it is.
        unchanged: True if the reader has it already.
        left_out: How many entries are not listed.
    """

    state: ModelState
    compared: list[Compared]
    history: list[history.Row]
    mark: str
    unchanged: bool
    left_out: int


def shown(models: Sequence[ModelState], seen: Collection[str] = ()) -> list[Shown]:
    """The page's parts.

    Args:
        models: In order.
        seen: The marks of histories that the reader has.
    """
    return [_shown(one, seen, alone=len(models) == 1) for one in models]


def _shown(state: ModelState, seen: Collection[str], *, alone: bool) -> Shown:
    listed = state.history if alone else state.history[:_BESIDE_OTHERS]
    mark = history.mark(state.name, listed)
    return Shown(
        state=state,
        compared=[Compared(one, _rows(one), plots.plots(one)) for one in state.comparisons],
        history=[] if mark in seen else history.rows(listed),
        mark=mark,
        unchanged=mark in seen,
        left_out=len(state.history) - len(listed),
    )


def _rows(compared: Comparison) -> list[Row]:
    """A comparison's table; without what neither version has."""
    stable, candidate = compared.of_stable, compared.of_candidate
    asked = "Requests" if compared.kind == "canary" else "Requests copied"
    found = [
        (asked, words.count(stable.requests), words.count(candidate.requests)),
        ("Failed", words.count(stable.failed), words.count(candidate.failed)),
        ("Error rate", words.percent(stable.error_rate), words.percent(candidate.error_rate)),
        ("Fallbacks to stable", words.NONE, words.count(candidate.fallbacks)),
        ("Copies dropped", words.NONE, words.count(candidate.dropped)),
        ("Latency, p50", words.milliseconds(stable.p50_ms), words.milliseconds(candidate.p50_ms)),
        ("Latency, p95", words.milliseconds(stable.p95_ms), words.milliseconds(candidate.p95_ms)),
        ("“None of these”", words.percent(stable.unknown_rate), words.percent(candidate.unknown_rate)),
        ("Mean confidence", words.percent(stable.confidence), words.percent(candidate.confidence)),
    ]
    return [row for row in found if row[1:] != (words.NONE, words.NONE)]
