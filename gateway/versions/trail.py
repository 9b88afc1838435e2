"""Which versions a request asked, and how each of them did: for the answer's headers, the log and the metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.versions.resolve import Resolved

Outcome = Literal["ok", "failed", "refused"]


class Asked(NamedTuple):
    """What became of one version's turn.

    Attributes:
        resolved: The version.
        outcome: ``ok``; ``failed``, by the model's or its server's fault; ``refused``, by the caller's.
        seconds: From the first picture's place in the queue to the last answer, if it is ok.
    """

    resolved: Resolved
    outcome: Outcome
    seconds: float = 0.0


@dataclass(slots=True)
class Trail:
    """One request's way.

    Attributes:
        resolved: The version that is asked, or that answered; None while there is none.
        asked: What became of those before, and of it.
    """

    resolved: Resolved | None = None
    asked: list[Asked] = field(default_factory=list)

    def ended(self, outcome: Outcome, seconds: float = 0.0) -> None:
        """Notes what became of the version that is asked; nothing if none is."""
        if self.resolved is not None:
            self.asked.append(Asked(self.resolved, outcome, seconds))

    @property
    def fell_back_from(self) -> Resolved | None:
        """The canary that failed, if the stable version answered in its place."""
        if len(self.asked) < 2 or self.asked[-1].outcome != "ok":
            return None
        return next((one.resolved for one in self.asked if one.resolved.drawn), None)
