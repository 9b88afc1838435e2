"""What the commands' options share: checks that answer a wrong value with the right ones."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from contract.versions import PublishError, check_name

Commands = Any  # argparse's sub-parsers: their class is private.


def add_runs(parser: argparse._ActionsContainer) -> None:
    """``--runs``: where all runs lie."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")


def positive(text: str) -> int:
    """A whole number, at least 1."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1. Received: {text!r}")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, such as 0.01. Received: {text!r}")
    return number


def rate(text: str) -> float:
    """A learning rate, above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0. Received: {text!r}")
    return value


def size(text: str) -> tuple[int, int]:
    """``96`` or ``96x128`` (height, width)."""
    sides = [positive(part) for part in text.lower().split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"expected N or HxW, in pixels. Received: {text!r}")
    return sides[0], sides[-1]


def model_name(text: str) -> str:
    """A name that the model repository takes."""
    try:
        return check_name(text)
    except PublishError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
