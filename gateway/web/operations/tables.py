"""A comparison as the rows of its table."""

from __future__ import annotations

from gateway.web.operations import words
from gateway.web.operations.comparison import Comparison

Row = tuple[str, str, str]


def rows(compared: Comparison) -> list[Row]:
    """Name, stable's value, candidate's; without what neither has."""
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
