"""What the page shows of each model: its state with all that is drawn and listed, and no more than it can hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.web.operations import history, plots, tables
from gateway.web.operations.comparison import Comparison
from gateway.web.operations.state import ModelState

# The rest of a history is folded away; beside other models, it is on a page of its own.
AT_ONCE = 10
_BESIDE_OTHERS = 10


@dataclass(frozen=True)
class Compared:
    """A comparison, its table and its plots."""

    comparison: Comparison
    rows: list[tables.Row]
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
        compared=[Compared(one, tables.rows(one), plots.plots(one)) for one in state.comparisons],
        history=[] if mark in seen else history.rows(listed),
        mark=mark,
        unchanged=mark in seen,
        left_out=len(state.history) - len(listed),
    )
