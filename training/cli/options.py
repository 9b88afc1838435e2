"""What the commands' options share: checks that answer a wrong value with the right ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from contract.versions import PublishError, check_name

Commands = Any  # argparse's sub-parsers: their class is private.


def add_runs(parser: argparse.ArgumentParser) -> None:
    """``--runs``: where all runs lie."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")


def positive(text: str) -> int:
    """A whole number, at least 1."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1. Received: {text!r}")
    return int(text)


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
