"""Whether a candidate may have more traffic: a pure function of what was counted.

Each limit gives one finding. A rate beyond its limit is a reason to go *back* only where chance is no explanation: the
bound of `proportions` at `BACK_ALPHA` is beyond it too. That is small, for a step is judged at every poll, so that
what is clearly bad ends early. A reason to *advance* is a rate within its limit, seen often enough; agreement has to be
proven (`PROOF_ALPHA`). All between those *holds*: only more requests can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from serving.automatic.figures import Comparison, Figures
from serving.automatic.limits import Limits
from serving.automatic.proportions import Rate, least_excess

BACK_ALPHA = 0.001
PROOF_ALPHA = 0.05
_TAIL = 0.05  # what lies above a 95th percentile


class Decision(StrEnum):
    """What follows."""

    ADVANCE = "advance"
    HOLD = "hold"
    BACK = "back"


@dataclass(frozen=True)
class Verdict:
    """A decision and what it rests on, in words."""

    decision: Decision
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What there is to judge by.

    Attributes:
        stable: The version that is to be replaced.
        candidate: The one that is to replace it, by what users got of it.
        comparison: The candidate as stable's shadow, None where it is not copied to.
        shadow_only: True while no user gets an answer of the candidate.
    """

    stable: Figures
    candidate: Figures
    comparison: Comparison | None = None
    shadow_only: bool = False


def judge(evidence: Evidence, limits: Limits) -> Verdict:
    """The verdict on a candidate; the reasons are those of the gravest findings."""
    findings = list(_findings(evidence, limits))
    for decision in (Decision.BACK, Decision.HOLD):
        reasons = tuple(reason for found, reason in findings if found is decision)
        if reasons:
            return Verdict(decision, reasons)
    return Verdict(Decision.ADVANCE, tuple(reason for _, reason in findings))


_Finding = tuple[Decision, str]


def _findings(evidence: Evidence, limits: Limits) -> Iterator[_Finding]:
    compared = evidence.comparison
    if not evidence.shadow_only:
        yield from _version(evidence.stable, evidence.candidate, limits, "requests", limits.min_requests)
        yield from _unknown(evidence.stable, evidence.candidate, limits)
    if compared is not None:
        yield _enough(compared.requests, limits.min_copies, "copied requests", dropped=compared.dropped)
        yield from _agreement(compared, limits)
        # Among users' own requests the copies tell only of errors: their time is not that of an answer.
        if evidence.shadow_only:
            yield from _version(compared.as_version, compared.as_shadow, limits, "copied requests", 0)
        elif compared.requests:
            yield _errors(evidence.stable, compared.as_shadow, limits, "copied requests")


def _version(stable: Figures, candidate: Figures, limits: Limits, what: str, least: float) -> Iterator[_Finding]:
    if least:
        yield _enough(candidate.requests, least, what)
    if candidate.requests:
        yield _errors(stable, candidate, limits, what)
    yield from _latency(stable, candidate, limits)


def _enough(count: int, least: float, what: str, dropped: int = 0) -> _Finding:
    lost = f"; {dropped:,} more were dropped, for there was no room" if dropped else ""
    if count < least:
        return Decision.HOLD, f"{count:,} {what} of the {least:,.0f} that a verdict takes{lost}"
    return Decision.ADVANCE, f"{count:,} {what}"


def _errors(stable: Figures, candidate: Figures, limits: Limits, what: str) -> _Finding:
    rate, reference = Rate(candidate.failed, candidate.requests), Rate(stable.failed, stable.requests)
    allowed = limits.max_error_rate_increase
    reason = (
        f"{_percent(rate.value)} of {rate.total:,} {what} failed against {_percent(reference.value)} of "
        f"{reference.total:,}, allowed up to {_percent(reference.value + allowed)}"
    )
    if least_excess(rate, reference, BACK_ALPHA) > allowed:
        return Decision.BACK, reason
    if rate.value - reference.value > allowed:
        return Decision.HOLD, f"{reason}; not yet certain"
    if rate.value > limits.max_error_rate:
        return Decision.HOLD, f"{reason}; too many for any version: at most {_percent(limits.max_error_rate)}"
    return Decision.ADVANCE, reason


def _latency(stable: Figures, candidate: Figures, limits: Limits) -> Iterator[_Finding]:
    """By the number of requests above the allowed time, of which a 95th percentile leaves one in twenty.

    That needs no assumption about how times are distributed (Conover, "Practical Nonparametric Statistics", the
    quantile test). For going back, stable's own percentile is taken at its upper bound.
    """
    theirs, ours = stable.seconds.quantile(1 - _TAIL), candidate.seconds.quantile(1 - _TAIL)
    if theirs is None or ours is None:
        return
    reason = (
        f"p95 {ours * 1000:.3g} ms against {theirs * 1000:.3g} ms, allowed up to "
        f"{_allowed_s(theirs, limits) * 1000:.3g} ms"
    )
    tail = Rate(round(_TAIL * stable.seconds.count), stable.seconds.count)
    surely = stable.seconds.quantile(1 - tail.lower(BACK_ALPHA)) or theirs
    slow = Rate(candidate.seconds.surely_above(_allowed_s(surely, limits)), candidate.seconds.count)
    if slow.lower(BACK_ALPHA) > _TAIL:
        yield Decision.BACK, reason
    elif ours > _allowed_s(theirs, limits):
        yield Decision.HOLD, f"{reason}; not yet certain"
    else:
        yield Decision.ADVANCE, reason


def _allowed_s(seconds: float, limits: Limits) -> float:
    return seconds * limits.max_p95_ratio + limits.max_p95_extra_ms / 1000


def _unknown(stable: Figures, candidate: Figures, limits: Limits) -> Iterator[_Finding]:
    if stable.unknown_rate is None or candidate.unknown_rate is None:
        return
    rate, reference = _pictures(candidate), _pictures(stable)
    allowed = limits.max_unknown_increase
    reason = (
        f'{_percent(rate.value)} "none of these" against {_percent(reference.value)}, allowed up to '
        f"{_percent(reference.value + allowed)}"
    )
    if least_excess(rate, reference, BACK_ALPHA) > allowed:
        yield Decision.BACK, reason
    elif rate.value - reference.value > allowed:
        yield Decision.HOLD, f"{reason}; not yet certain"
    else:
        yield Decision.ADVANCE, reason


def _pictures(figures: Figures) -> Rate:
    return Rate(figures.unknown, figures.known + figures.unknown).of_independent(figures.requests)


def _agreement(compared: Comparison, limits: Limits) -> Iterator[_Finding]:
    if compared.agreement is None:
        if limits.min_agreement > 0:
            yield Decision.HOLD, "no picture was compared"
        return
    rate = Rate(compared.agrees, compared.agrees + compared.differs).of_independent(compared.requests)
    reason = (
        f"the same top class for {_percent(compared.agreement)} of {compared.agrees + compared.differs:,} copied "
        f"pictures, wanted {_percent(limits.min_agreement)}"
    )
    if rate.upper(BACK_ALPHA) < limits.min_agreement:
        yield Decision.BACK, reason
    elif rate.lower(PROOF_ALPHA) < limits.min_agreement:
        yield Decision.HOLD, f"{reason}; not yet proven"
    else:
        yield Decision.ADVANCE, reason


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
