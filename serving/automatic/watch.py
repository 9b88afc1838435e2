"""One step under watch: what was counted in it, what that means, and whether it is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from serving.automatic.counts import Counts, Tally, added
from serving.automatic.figures import Comparison, Figures, comparison, figures
from serving.automatic.gateways import Scraped
from serving.automatic.judge import Decision, Evidence, Verdict, judge
from serving.automatic.order import Order
from serving.plan.reconcile import state_of
from serving.replicas import ReplicaStatus

# A gateway restarts now and then. Counters that fall again and again are those of several behind one address.
_MOST_FALLS = 3
_ALL = 100.0
_ONE_SIDED = (
    "traffic comes from few clients, each of which stays at one version; --split request divides their requests"
)


class Turn(Enum):
    """What to do after a look."""

    STAY = "stay"
    ON = "on"
    BACK = "back"


@dataclass(frozen=True)
class Look:
    """The system at one moment.

    Attributes:
        verdict: On what was counted in this step so far.
        turn: What to do.
        stable: Its figures in this step.
        candidate: Its figures in this step.
        comparison: Of copies in this step.
        hidden: What cannot be seen now, one sentence each.
        elapsed_s: For how long the step has been watched.
    """

    verdict: Verdict
    turn: Turn
    stable: Figures
    candidate: Figures
    comparison: Comparison
    hidden: tuple[str, ...]
    elapsed_s: float


@dataclass(frozen=True)
class Watch:
    """The watch over one step; each look gives the next one.

    Attributes:
        stable: The version that is to be replaced.
        percent: The candidate's share of traffic, 0 while it only gets copies.
        copied: Whether the candidate is stable's shadow.
        began_s: When the step began, on a clock that never jumps.
        tally: What was counted in it.
        before: What was counted in the steps before it.
        hidden_since_s: Since when something cannot be seen; None while all can.
    """

    stable: int
    percent: float
    copied: bool
    began_s: float
    tally: Tally = field(default_factory=Tally)
    before: Counts = field(default_factory=dict)
    hidden_since_s: float | None = None

    def look(
        self, order: Order, scraped: Scraped, replicas: Sequence[ReplicaStatus], now_s: float, unread: str = ""
    ) -> tuple[Watch, Look]:
        """Takes in what gateways and replicas say, and why the release state could not be read, if so."""
        tally = self.tally.after(scraped.counts)
        unreadable = (f"the release state cannot be read: {unread}",) if unread else ()
        hidden = (*unreadable, *out_of_sight(scraped, tally.falls), *unloaded(order.version, replicas))
        since = (now_s if self.hidden_since_s is None else self.hidden_since_s) if hidden else None
        watch = replace(self, tally=tally, hidden_since_s=since)
        verdict = judge(watch.evidence(order), order.limits)
        elapsed_s = now_s - self.began_s
        if hidden and verdict.decision is Decision.ADVANCE:
            verdict = Verdict(Decision.HOLD, hidden)
        seen = watch.seen(order.version)
        hints = (_ONE_SIDED,) if one_sided(order, self.percent, *seen[:2]) else ()
        verdict = _too_long(verdict, order, elapsed_s, 0.0 if since is None else now_s - since, (*hidden, *hints))
        return watch, Look(verdict, _turn(verdict, order, elapsed_s), *seen, hidden, elapsed_s)

    def seen(self, version: int) -> tuple[Figures, Figures, Comparison]:
        """Stable, candidate and their comparison in this step."""
        grown = self.tally.grown
        return figures(grown, self.stable), figures(grown, version), comparison(grown, self.stable, version)

    def evidence(self, order: Order) -> Evidence:
        """What to judge by: this step, and for stable and the copies all steps so far where this one has too few."""
        stable, candidate, compared = self.seen(order.version)
        so_far = added(self.before, self.tally.grown)
        if stable.requests < order.limits.min_requests:
            stable = figures(so_far, self.stable)
        if compared.requests < order.limits.min_copies:
            compared = comparison(so_far, self.stable, order.version)
        # With all traffic at the candidate nothing is left to be copied.
        copied = self.copied and self.percent < _ALL
        return Evidence(stable, candidate, compared if copied else None, shadow_only=self.percent == 0)

    def next_step(self, percent: float, scraped: Scraped, began_s: float) -> Watch:
        """The watch over the step after this one; what was counted up to now does not belong to it."""
        tally = self.tally.after(scraped.counts)
        so_far = added(self.before, tally.grown)
        return replace(self, percent=percent, began_s=began_s, tally=tally.from_now(), before=so_far)


def out_of_sight(scraped: Scraped, falls: Mapping[str, int]) -> tuple[str, ...]:
    """Which gateways' counts are missing or cannot be trusted."""
    away = [f"gateway {name} gives no metrics: {reason}" for name, reason in sorted(scraped.away.items())]
    if not scraped.counts and not away:
        away = ["there is no gateway"]
    torn = [
        f"the counters of gateway {name} fell {count} times: it restarts again and again, or several stand behind that "
        "address; name each of them"
        for name, count in sorted(falls.items())
        if count >= _MOST_FALLS
    ]
    return (*away, *torn)


def unloaded(version: int, replicas: Sequence[ReplicaStatus]) -> tuple[str, ...]:
    """Which replicas do not have the version AVAILABLE."""
    states = [(one.replica, state_of(one, version), one.of(version)) for one in replicas]
    return tuple(
        f"version {version} on {replica}: {state}" + (f" ({status.error})" if status and status.error else "")
        for replica, state, status in states
        if status is None or not status.available
    )


def one_sided(order: Order, percent: float, stable: Figures, candidate: Figures) -> bool:
    """True if the candidate gets much less traffic than its share: few clients, and none of them falls to it."""
    expected = (stable.requests + candidate.requests) * percent / 100
    return order.split == "client" and expected >= order.limits.min_requests and candidate.requests < expected / 4


def _too_long(verdict: Verdict, order: Order, elapsed_s: float, hidden_s: float, hints: tuple[str, ...]) -> Verdict:
    if verdict.decision is Decision.BACK:
        return verdict
    if hidden_s > order.longest_blind_s:
        return Verdict(Decision.BACK, (f"for {hidden_s:.0f} s not all could be seen", *hints))
    if verdict.decision is Decision.HOLD and elapsed_s > order.patience_s:
        reasons = dict.fromkeys((f"no verdict within {order.patience_s:g} s", *verdict.reasons, *hints))
        return Verdict(Decision.BACK, tuple(reasons))
    return verdict


def _turn(verdict: Verdict, order: Order, elapsed_s: float) -> Turn:
    if verdict.decision is Decision.BACK:
        return Turn.BACK
    if verdict.decision is Decision.ADVANCE and elapsed_s >= order.every_s:
        return Turn.ON
    return Turn.STAY
