"""What a candidate is allowed: the limits of a rollout, with their defaults and what they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any


class LimitError(ValueError):
    """A limit that makes no sense."""


def _limit(default: float, text: str, *, least: float = 0, most: float = math.inf, metavar: str = "SHARE") -> Any:
    return field(default=default, metadata={"help": text, "least": least, "most": most, "metavar": metavar})


@dataclass(frozen=True)
class Limits:
    """The limits; shares are of 1, and each field's help is that of its option."""

    max_error_rate_increase: float = _limit(
        0.01, "how much larger than stable's the candidate's share of failed requests may be", most=1
    )
    max_error_rate: float = _limit(
        0.05, "with more failed requests than that, whatever stable does, the candidate does not advance", most=1
    )
    max_p95_ratio: float = _limit(
        1.5, "how many times stable's 95th percentile of seconds may be the candidate's", metavar="X"
    )
    max_p95_extra_ms: float = _limit(20.0, "and so much more, which is what counts for quick models", metavar="MS")
    min_agreement: float = _limit(
        0.8, "the share of copied pictures for which the candidate has to name the same top class as stable", most=1
    )
    max_unknown_increase: float = _limit(
        0.1, "how much larger than stable's the candidate's share of \"none of these\" may be", most=1
    )
    min_requests: float = _limit(100, "requests that the candidate has to answer in each step", least=1, metavar="N")
    min_copies: float = _limit(
        50, "copied requests that the candidate has to answer, where it is shadow", least=1, metavar="N"
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            least, most = one.metadata["least"], one.metadata["most"]
            if not least <= value <= most:
                raise LimitError(f"{one.name} must be from {least:g} to {most:g}. Received: {value:g}")
