"""The numbers that options take, from what an operator writes: shares, times and counts."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def percent(text: str) -> float:
    """A share from 0 to 100, with or without the sign."""
    share = _number(text.removesuffix("%"))
    if not 0 <= share <= 100:
        raise ArgumentTypeError(f"expected a percentage from 0 to 100. Received: {text!r}")
    return share


def percents(text: str) -> tuple[float, ...]:
    """Ascending shares above 0, with commas between."""
    shares = tuple(_number(share.strip().removesuffix("%")) for share in text.split(","))
    if list(shares) != sorted(set(shares)) or not 0 < shares[0] <= shares[-1] <= 100:
        raise ArgumentTypeError(f"expected ascending percentages such as 5,25,50,100. Received: {text!r}")
    return shares


def seconds(text: str) -> float:
    """A time of 0 or more in seconds, from ``90``, ``90s``, ``5m`` or ``1h``."""
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1.0)
    time_s = _number(number) * unit
    if not 0 <= time_s < math.inf:
        raise ArgumentTypeError(f"expected a time such as 60s, 5m or 1h. Received: {text!r}")
    return time_s


def some_seconds(text: str) -> float:
    """The same, above 0."""
    time_s = seconds(text)
    if not time_s:
        raise ArgumentTypeError(f"expected a time above 0. Received: {text!r}")
    return time_s


def count(text: str) -> int:
    """How many: 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"expected a number, 0 or more. Received: {text!r}")
    return int(text)


def positive(text: str) -> float:
    """A number above 0, finite."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"expected a number above 0. Received: {text!r}")
    return number


def some(text: str) -> int:
    """How many: 1 or more."""
    number = positive(text)
    if number != int(number):
        raise ArgumentTypeError(f"expected a whole number. Received: {text!r}")
    return int(number)


def _number(text: str) -> float:
    """The number that the text is; what is none is not a number, which is within no bounds."""
    try:
        return float(text)
    except ValueError:
        return math.nan
