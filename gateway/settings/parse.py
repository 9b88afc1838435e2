"""Parsers of settings: text -> value. Each raises ValueError, whose message says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

LEVELS = ("debug", "info", "warning", "error")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_RATE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*(second|minute|hour)")
_UNITS_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


@dataclass(frozen=True)
class Rate:
    """So many pictures in so many seconds."""

    pictures: int
    period_s: float


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`."""
    wanted = f"expected a whole number from {low:,} to {high:,}" if high else f"expected a whole number, at least {low}"

    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else low - 1
        if value < low or (high is not None and value > high):
            raise ValueError(wanted)
        return value

    return parse


def count_or_cores(high: int, cores: int) -> Callable[[str], int]:
    """A parser of whole numbers up to `high`, where 0 stands for `cores`."""
    parse = whole(0, high)
    return lambda text: parse(text) or cores


def seconds(text: str) -> float:
    """A time in seconds, above 0 and at most an hour."""
    wanted = "expected a number of seconds, above 0 and at most 3600"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 < value <= 3600:
        raise ValueError(wanted)
    return value


def target(text: str) -> str:
    """A gRPC target."""
    port = text.rpartition(":")[2]
    if "://" in text or (not text.startswith("unix:") and not port.isdigit()):
        raise ValueError("expected host:port, or a gRPC target such as ipv4:10.0.0.1:8500,10.0.0.2:8500")
    return text


def folder(text: str) -> Path | None:
    """A folder, which may come to be later; None if empty."""
    if text and Path(text).exists() and not Path(text).is_dir():
        raise ValueError("expected a folder")
    return Path(text) if text else None


def file(text: str) -> Path | None:
    """A file that exists; None if empty."""
    if text and not Path(text).is_file():
        raise ValueError("expected the path of a file that exists")
    return Path(text) if text else None


def names(text: str) -> tuple[str, ...]:
    """Model names with commas between, without repeats."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not all(_NAME.fullmatch(name) for name in found):
        raise ValueError("expected model names of letters, digits, '.', '_' and '-', with commas between")
    return found


def name(text: str) -> str | None:
    """One model name; None if empty."""
    found = names(text)
    if len(found) > 1:
        raise ValueError("expected one model name")
    return found[0] if found else None


def rate(text: str) -> Rate | None:
    """A rate such as ``600/minute``; None if empty."""
    if not text:
        return None
    match = _RATE.fullmatch(text.lower())
    if match is None:
        raise ValueError("expected pictures per second, minute or hour, such as 600/minute")
    return Rate(int(match[1]), _UNITS_S[match[2]])


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("expected addresses or networks with commas between, such as 10.0.0.0/8,::1") from None


def level(text: str) -> str:
    """The name of a log level, in small letters."""
    if text.lower() not in LEVELS:
        raise ValueError(f"expected one of {', '.join(LEVELS)}")
    return text.lower()


def url(text: str) -> str | None:
    """An http or https URL; None if empty."""
    if text and (urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname):
        raise ValueError("expected a URL such as http://localhost:4318")
    return text or None
