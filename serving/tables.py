"""What people at a terminal read: lines, and rows as aligned text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Told what happens, one sentence at a time.
Say = Callable[[str], None]


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A heading and a line for each row; a column that is empty in every row is left out."""
    texts = [[_text(row.get(column)) for column in columns] for row in rows]
    shown = [index for index in range(len(columns)) if any(line[index] for line in texts)]
    # Words are shouted, as in every operator's tool; an address stands as it is.
    headings = [column.upper() if column.isalpha() else column for column in columns]
    lines = [[line[index] for index in shown] for line in [headings, *texts]]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4f}"
        case list():
            return ", ".join(map(str, value))
        case _:
            # A server's error may have many lines; a row has one.
            return " ".join(str(value).split())
