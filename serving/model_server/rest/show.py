"""JSON values as TensorFlow Serving writes them: numbers, strings, and whole values in the text of an error."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

import numpy as np

_LARGEST_FLOAT = float(np.finfo(np.float32).max)
_SIX_DIGITS = 1e6
_CONTROL = re.compile(r"\\u00[01][0-9a-f]")
# Of a value in an error: TensorFlow Serving quotes it whole, however large.
_LONGEST = 2**16


def string(text: str) -> str:
    """A string in quotes, escaped."""
    quoted = encode_basestring(text)
    return _CONTROL.sub(lambda escape: f"\\u{escape[0][2:].upper()}", quoted) if "\\u00" in quoted else quoted


def decimal(number: float, *, wide: bool) -> str:
    """A floating-point number: six digits where they give it again, else as many as it takes.

    Args:
        number: A double, or a float as a double.
        wide: Whether it is a double.
    """
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number.is_integer() and abs(number) < _SIX_DIGITS:
        return f"{number:.1f}"
    text = f"{number:.6g}"
    again = float(text) if wide else ctypes.c_float(float(text)).value
    if again != number:
        text = f"{number:.{17 if wide else 9}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def value(json_value: Any) -> str:
    """A value from a request, as an error quotes it; cut off if it is very long."""
    if is_double(json_value):
        number = float(json_value)
        narrow = abs(number) <= _LARGEST_FLOAT
        return decimal(float(np.float32(number)) if narrow else number, wide=not narrow)
    pieces, length = [], 0
    try:
        for piece in _pretty(json_value, "\n"):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST:
                return "".join(pieces)[:_LONGEST] + "...TRUNCATED"
    except RecursionError:
        return "…"
    return "".join(pieces)


def is_double(json_value: Any) -> bool:
    """True for a number that no 64-bit integer holds."""
    if isinstance(json_value, int):
        return not -(2**63) <= json_value < 2**64
    return isinstance(json_value, float)


def _pretty(json_value: Any, line: str) -> Iterator[str]:
    """Indented by four spaces a level; `line` is a line break with the indentation of the value's own level."""
    if isinstance(json_value, (list, dict)):
        first, last = "[]" if isinstance(json_value, list) else "{}"
        yield first
        yield from _members(json_value, f"{line}    ")
        yield f"{line}{last}" if json_value else last
    elif isinstance(json_value, str):
        yield string(json_value[: _LONGEST + 1])
    elif is_double(json_value):
        yield _shortest(float(json_value))
    else:
        yield "null" if json_value is None else str(json_value).lower()


def _members(container: list[Any] | dict[str, Any], line: str) -> Iterator[str]:
    named = container.items() if isinstance(container, dict) else ((None, one) for one in container)
    before = line
    for name, member in named:
        yield before if name is None else f"{before}{string(name[:_LONGEST])}: "
        yield from _pretty(member, line)
        before = f",{line}"


def _shortest(number: float) -> str:
    """The fewest digits that give the number again; with an exponent only beyond 21 digits or below 0.000001."""
    if not math.isfinite(number):
        return decimal(number, wide=True)
    exact = Decimal(repr(number)).normalize()
    figures = "".join(map(str, exact.as_tuple().digits))
    power = exact.adjusted()
    if number == 0 or -7 < power < 21:
        text = f"{exact:f}"
        return text if "." in text else f"{text}.0"
    point = "." if len(figures) > 1 else ""
    return f"{'-' if number < 0 else ''}{figures[0]}{point}{figures[1:]}e{power}"
