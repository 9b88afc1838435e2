"""A comparison as a table for the terminal, and as a page."""

from __future__ import annotations

from pathlib import Path

from contract.versions import write_atomically
from training.compare.candidate import Candidate
from training.compare.rank import Comparison
from training.report.page import environment
from training.report.words import duration, milliseconds, percent, short, shorten, size

COLUMNS = ("run", "preset", "accuracy", "macro F1", "parameters", "size", "latency", "trained in")
_UNKNOWN = "-"
_TEXTS = 2


def row(candidate: Candidate) -> tuple[str, ...]:
    """A run's figures as they are shown, in the order of `COLUMNS`."""
    error = f"{percent(candidate.accuracy, 2)} +/- {candidate.error * 100:.2f}"
    return (
        shorten(candidate.name, 60),
        candidate.preset or _UNKNOWN,
        error,
        _UNKNOWN if candidate.macro_f1 is None else f"{candidate.macro_f1:.4f}",
        _UNKNOWN if candidate.parameters is None else short(candidate.parameters),
        _UNKNOWN if candidate.model_bytes is None else size(candidate.model_bytes),
        _UNKNOWN if candidate.latency_ms is None else milliseconds(candidate.latency_ms),
        _UNKNOWN if candidate.seconds is None else duration(candidate.seconds),
    )


def as_text(comparison: Comparison) -> str:
    """The table, and under it what it comes to; warnings are not in it."""
    rows = [("", *COLUMNS), *((f"{each.rank}.", *row(each.candidate)) for each in comparison.ranking)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    lines = []
    for line in rows:
        cells = [
            text.ljust(width) if 0 < number <= _TEXTS else text.rjust(width)
            for number, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *comparison.reasons])


def write_page(comparison: Comparison, path: Path) -> None:
    """Writes one self-contained HTML page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(each.rank, each.candidate.accuracy, row(each.candidate)) for each in comparison.ranking]
    template = environment().get_template("compare.html")
    write_atomically(path, template.render(comparison=comparison, columns=COLUMNS, rows=rows))
