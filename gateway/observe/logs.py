"""Structured logs: one JSON object a line, to stderr, never at the cost of who waits for an answer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.observe.lines import LineWriter

FIELDS = "fields"
STDERR = LineWriter(2)
_LONGEST = 2000
# JSON escapes what is below a space. A terminal obeys these too, and they or what turns text around can hide a line.
_UNSAFE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class JsonFormatter(logging.Formatter):
    """A record as JSON: time (UTC), level, process, logger, message, ``extra={"fields": {…}}``, and the trace."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        line: dict[str, Any] = head(record.levelname.lower(), record.created, record.process or 0)
        line["logger"] = record.name
        line["message"] = record.getMessage()[:_LONGEST]
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return to_line(line)


def head(level: str, created: float, process: int) -> dict[str, Any]:
    """What every line begins with."""
    at = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return {"time": at, "level": level, "pid": process}


def to_line(fields: Mapping[str, Any]) -> str:
    """JSON on one line, safe to look at in a terminal."""
    try:
        text = orjson.dumps(fields, default=str).decode()
    except TypeError:  # A number beyond 64 bits, a lone surrogate: rare, so a slower writer will do.
        text = json.dumps(fields, default=str)
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def config(level: str) -> dict[str, Any]:
    """Logging's configuration: everything of this process as JSON lines, from `level` on."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"()": LineHandler, "formatter": "json"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            # uvicorn's worker takes over this one's handlers, and does not pass on to the root's.
            "gunicorn.error": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            # What it finds wrong with a stranger's picture is that picture's refusal.
            "PIL": {"level": "CRITICAL"},
            # The application writes a line of its own for each request.
            "gunicorn.access": {"level": "ERROR", "handlers": [], "propagate": False},
        },
    }


class LineHandler(logging.Handler):
    """Hands records to `STDERR`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one on."""
        try:
            STDERR.put(self.format(record))
        except Exception:  # As all handlers of the standard library: a log line never fails the work.
            self.handleError(record)

    def close(self) -> None:
        """Writes what is left; logging does this at the process's end."""
        STDERR.stop()
        super().close()
