"""What was measured, as a file: written after every round, and read again by the next tuning of the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contract.versions import write_atomically
from serving.tuning.candidate import Batching, Candidate
from serving.tuning.measured import Measured, Round

FINAL = "final"
_FORMAT = 1


class JournalError(ValueError):
    """Measurements that cannot be read."""


@dataclass
class Journal:
    """Everything that was found out, in its order.

    Attributes:
        subject: What was measured on what, by name; figures of other subjects mean nothing here.
        begun: When, ISO 8601 in UTC.
        rounds: The measurements.
        failed: The candidates whose servers did not run, and why.
        p50_ms: The baseline's median at the first look: timeouts are tried in proportion to it; 0 before that.
        notes: What a reader should know of the circumstances.
        finished: Nothing is left to be measured.
    """

    subject: Mapping[str, Any]
    begun: str = ""
    rounds: list[Round] = field(default_factory=list)
    failed: dict[Candidate, str] = field(default_factory=dict)
    p50_ms: float = 0.0
    notes: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def searched(self) -> list[Round]:
        """The rounds before the final."""
        return [one for one in self.rounds if one.stage != FINAL]

    @property
    def final(self) -> list[Round]:
        """The rounds of the final."""
        return [one for one in self.rounds if one.stage == FINAL]

    def knows(self, candidate: Candidate, rounds: int) -> bool:
        """True if a candidate was measured so often before the final, or cannot be measured."""
        return candidate in self.failed or sum(candidate in one.results for one in self.searched) >= rounds

    def note(self, text: str) -> None:
        """Adds a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def differs(self, subject: Mapping[str, Any]) -> list[str]:
        """Where another subject is another one, in words."""
        keys = sorted({*self.subject, *subject})
        return [
            f"{key} was {self.subject.get(key)!r}, is {subject.get(key)!r}"
            for key in keys
            if self.subject.get(key) != subject.get(key)
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": _FORMAT,
            "subject": dict(self.subject),
            "begun": self.begun,
            "finished": self.finished,
            "p50_ms": self.p50_ms,
            "notes": self.notes,
            "failed": [{"candidate": asdict(one), "reason": reason} for one, reason in self.failed.items()],
            "rounds": [
                {
                    "stage": one.stage,
                    "results": [
                        {"candidate": asdict(candidate), "measured": asdict(measured)}
                        for candidate, measured in one.results.items()
                    ],
                }
                for one in self.rounds
            ],
        }

    def write(self, path: Path, **more: object) -> None:
        """Replaces the file as a whole; `more` stands in it for readers other than this program."""
        write_atomically(path, json.dumps({**self.to_dict(), **more}, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Reads the file. Raises JournalError; FileNotFoundError if there is none."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["format"] != _FORMAT:
                raise JournalError(f"Expected format {_FORMAT} in {path}. Received: {told['format']}")
            return cls(
                subject=told["subject"],
                begun=told["begun"],
                rounds=[_round(one) for one in told["rounds"]],
                failed={_candidate(one["candidate"]): one["reason"] for one in told["failed"]},
                p50_ms=told["p50_ms"],
                notes=list(told["notes"]),
                finished=told["finished"],
            )
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise JournalError(f"Expected measurements in {path}. Received: {type(error).__name__}: {error}") from None


def _round(told: Mapping[str, Any]) -> Round:
    results = {_candidate(one["candidate"]): Measured(**one["measured"]) for one in told["results"]}
    return Round(told["stage"], results)


def _candidate(told: Mapping[str, Any]) -> Candidate:
    batching = told["batching"]
    return Candidate(**{**told, "batching": None if batching is None else Batching(**batching)})
