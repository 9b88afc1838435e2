"""The numbers that options take are read as they are written, or refused with what was wanted."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from serving.commands.numbers import count, percent, percents, seconds, some_seconds


@pytest.mark.parametrize(
    ("read", "text", "number"),
    [
        (percent, "12.5%", 12.5),
        (percent, "0", 0),
        (percents, "5, 25%,100", (5, 25, 100)),
        (percents, "100", (100,)),
        (seconds, "90", 90),
        (seconds, "0", 0),
        (seconds, "1.5s", 1.5),
        (some_seconds, "5m", 300),
        (some_seconds, "1h", 3600),
        (count, "007", 7),
        (count, "0", 0),
    ],
)
def test_a_number_is_read(read: Callable[[str], object], text: str, number: object) -> None:
    assert read(text) == number


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((percent, text) for text in ("", "nan", "101", "-1", "ten")),
        *((percents, text) for text in ("", "5,5", "25,5", "0,5", "5,101", "5,,10", "a")),
        *((seconds, text) for text in ("", "s", "-1", "inf", "nan", "5d", "1m30s")),
        (some_seconds, "0"),
        *((count, text) for text in ("", "-1", "1.5", "²", "all")),
    ],
)
def test_what_is_no_such_number_is_refused_with_what_came(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        read(text)

    assert str(caught.value).startswith("expected ")
    assert str(caught.value).endswith(f"Received: {text!r}")
