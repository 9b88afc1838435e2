"""``history``: what was done with the versions of a model, oldest first."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from serving.commands import options as shared
from serving.commands.numbers import count
from serving.tables import Say, table

if TYPE_CHECKING:
    from serving.commands.options import Subparsers


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("history", help="what was done with a model's versions")
    parser.add_argument("name", metavar="NAME", help="the model")
    shared.add_repository(parser)
    shared.add_json(parser)
    parser.add_argument("--last", type=count, metavar="N", help="only the last N entries")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Says every entry, and under it the report of an automatic rollout. Raises PublishError for an unknown model."""
    model = shared.release_store(options).released(options.name)
    entries = model.history if options.last is None else model.history[len(model.history) - options.last :]
    if options.json:
        out(json.dumps({"model": options.name, "history": [asdict(one) for one in entries]}, indent=2))
        return 0
    out(table(("at", "action", "version", "note"), [asdict(one) for one in entries]) if entries else "No entries.")
    for one in entries:
        if one.report is not None:
            out(f"\n{one.action} of {options.name} {one.version} at {one.at}:")
            out(readable(one.report))
    return 0


def readable(report: Mapping[str, Any]) -> str:
    """A report as text, whatever facts it holds: a line each, and tables of what can be compared."""
    return "\n".join(_lines(report, "  "))


def _lines(facts: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in facts.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name}: {_sentence(value)}")
        elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            lines.append(f"{indent}{name}:")
            for one in value:
                lines += _part(one, indent + "  ")
        elif value not in ("", None, [], ()):
            lines.append(f"{indent}{name}: {_word(value)}")
    return lines


def _part(facts: Mapping[str, Any], indent: str) -> list[str]:
    """A part of a report: what is said of it, and under that what is said of each thing in it, side by side."""
    plain = {key: value for key, value in facts.items() if not isinstance(value, Mapping)}
    rows = [{"of": key, **value} for key, value in facts.items() if isinstance(value, Mapping)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    compared = table(columns, rows).splitlines() if rows else []
    return [f"{indent}{_sentence(plain)}", *(f"{indent}  {line}" for line in compared)]


def _sentence(facts: Mapping[str, Any]) -> str:
    told = (f"{key.replace('_', ' ')} {_word(value)}" for key, value in facts.items() if value not in ("", None, []))
    return "; ".join(told)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_word, value)) if isinstance(value, list | tuple) else str(value)
