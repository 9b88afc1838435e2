"""The gate: a model goes into the repository only if it is not worse than the version that is live."""

from __future__ import annotations

from dataclasses import dataclass

from training.export.comparison import Comparison, compare
from training.export.held_out import CannotCompare
from training.export.live import Version
from training.networks import KerasModel
from training.runs import Run

MARGIN = 0.01
# Differences of sums are not exact: a margin of 0 must let the same figures pass.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Gate:
    """What was compared, and what follows.

    Attributes:
        passed: Whether the model may be published.
        sentence: Why, for a person.
        version: The version that is live, None if there is none.
        margin: By how much accuracy and macro F1 may be below the live version's.
        compared: The figures; None if there are none.
        forced: Whether it is published although the gate says no.
    """

    passed: bool
    sentence: str
    version: int | None
    margin: float
    compared: Comparison | None = None
    forced: bool = False


def judge(run: Run, model: KerasModel, live: Version | None, *, margin: float = MARGIN) -> Gate:
    """Whether a run's model may go into the repository.

    Args:
        run: The finished run.
        model: Its Keras model.
        live: The version that is live, None if there is none yet.
        margin: By how much accuracy and macro F1 may be lower.
    """
    if live is None:
        return Gate(True, "It is the first version: there is none to compare it with", None, margin)
    try:
        compared = compare(run, model, live)
    except CannotCompare as reason:
        sentence = f"It cannot be compared with version {live.number}, which is live: {reason}"
        return Gate(False, sentence, live.number, margin)
    passed = is_not_worse(compared, margin)
    return Gate(passed, _sentence(compared, live.number, margin, passed=passed), live.number, margin, compared)


def is_not_worse(compared: Comparison, margin: float) -> bool:
    """Whether neither accuracy nor macro F1 is lower by more than the margin."""
    new, live, allowed = compared.new, compared.live, margin + _ROUNDING
    return live.accuracy - new.accuracy <= allowed and live.macro_f1 - new.macro_f1 <= allowed


def _sentence(compared: Comparison, version: int, margin: float, *, passed: bool) -> str:
    new, live, error = compared.new, compared.live, compared.standard_error
    difference = new.accuracy - live.accuracy
    where = f"on the same {compared.pictures:,} test pictures"
    if compared.basis == "recorded figures":
        where = f"on {compared.pictures:,} test pictures as both reports say, since {compared.reason}"
    # Two standard errors hold 95% of what chance does.
    chance = "no more than chance explains" if abs(difference) <= 2 * error else "more than chance explains"
    return (
        f"{'Not worse' if passed else 'Worse'} than version {version}, which is live: accuracy {new.accuracy:.2%} "
        f"against {live.accuracy:.2%} and macro F1 {new.macro_f1:.4f} against {live.macro_f1:.4f} {where}. "
        f"The difference in accuracy is {100 * difference:+.2f} percentage points with a standard error of "
        f"{100 * error:.2f}, {chance}; down to {-100 * margin:g} is allowed (--margin {margin:g})"
    )
