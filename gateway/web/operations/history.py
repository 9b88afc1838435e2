"""What was done, as the page lists it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from contract.release import HistoryEntry
from gateway.web.operations.plots import Spark, sparks
from gateway.web.operations.report import Report, read
from gateway.web.operations.scrub import scrubbed
from gateway.web.values import moment


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        key: A name of its own that it keeps while others come and go.
        at: When; None if what stands there is no moment.
        told_at: The same as it stands there.
        action: What was done.
        version: To which version, as text.
        note: What is said of it.
        report: An automatic rollout's.
        sparks: The curves of its steps.
    """

    key: str
    at: datetime | None
    told_at: str
    action: str
    version: str
    note: str
    report: Report | None
    sparks: Sequence[Spark]


def rows(entries: Sequence[HistoryEntry]) -> list[Row]:
    """The entries in their order. A file written by hand may hold anything in them."""
    seen: Counter[str] = Counter()
    found = []
    # From the end, where the oldest is: a key must not change when another entry comes.
    for entry in reversed(entries):
        name = f"{entry.at} {entry.action} {entry.version}"
        seen[name] += 1
        found.append(_row(entry, _digest(f"{name} {seen[name]}")))
    return found[::-1]


def mark(model: str, entries: Sequence[HistoryEntry]) -> str:
    """A name for a history as it is now: the same as long as nothing in it changes."""
    said = [(str(one.at), one.action, one.version, one.note, str(one.report)) for one in entries]
    return _digest(f"{model} {said}")


def _row(entry: HistoryEntry, key: str) -> Row:
    report = read(entry.report)
    return Row(
        key=key,
        at=moment(entry.at),
        told_at=scrubbed(str(entry.at)),
        action=scrubbed(str(entry.action)),
        version=scrubbed(str(entry.version)),
        note=scrubbed(str(entry.note)),
        report=report,
        sparks=sparks(report) if report else (),
    )


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
