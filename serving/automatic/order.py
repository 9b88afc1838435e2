"""What an operator asks of an automatic rollout."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.release import AutomaticRollout, Split
from serving.automatic.limits import Limits

_LEAST_BLIND_S = 30.0
_DEADLINE_PERIODS = 10
_POLLS = 20
_SHORTEST_POLL_S, _LONGEST_POLL_S = 0.5, 5.0


@dataclass(frozen=True)
class Order:
    """A rollout as it was asked for.

    Attributes:
        name: The model.
        version: The version that is to become stable.
        steps: The shares of traffic on the way, in percent, ascending.
        every_s: How long each is watched at least, seconds.
        deadline_s: How long it may take until a verdict is reached; None for ten times `every_s`.
        blind_s: How long gateways or replicas may be out of sight; None for `every_s`, at least half a minute.
        split: What stays together at one version.
        shadow_percent: The share of requests that are copied to the candidate meanwhile, 0 for none.
        shadow_first: Whether copies alone have to convince before users get any answer of the candidate.
        limits: What the candidate is allowed.
    """

    name: str
    version: int
    steps: tuple[float, ...] = (5.0, 25.0, 50.0, 100.0)
    every_s: float = 60.0
    deadline_s: float | None = None
    blind_s: float | None = None
    split: Split = "client"
    shadow_percent: float = 10.0
    shadow_first: bool = True
    limits: Limits = field(default_factory=Limits)

    @property
    def begins_with_shadow(self) -> bool:
        """True if the first that is watched are copies alone."""
        return self.shadow_first and self.shadow_percent > 0

    @property
    def patience_s(self) -> float:
        """The time for a verdict in a step."""
        return _DEADLINE_PERIODS * self.every_s if self.deadline_s is None else self.deadline_s

    @property
    def longest_blind_s(self) -> float:
        """The time for which something may be out of sight."""
        return max(self.every_s, _LEAST_BLIND_S) if self.blind_s is None else self.blind_s

    @property
    def poll_s(self) -> float:
        """The time between two looks."""
        return min(max(self.every_s / _POLLS, _SHORTEST_POLL_S), _LONGEST_POLL_S, self.every_s)

    def under_way(self, at: str, step: int = 0) -> AutomaticRollout:
        """The rollout as ``release.json`` keeps it."""
        return AutomaticRollout(self.version, self.steps, step, at, self.every_s)
