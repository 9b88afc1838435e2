"""Fixtures that every package's tests may use: the shared data, free ports, processes that are always ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def find_shared() -> Path | None:
    """The folder of real data, or None: `VITRINE_SHARED`, else `shared` beside the checkout."""
    for folder in (os.environ.get("VITRINE_SHARED"), ROOT.parent / "shared"):
        if folder and (Path(folder) / "data" / "SOURCES.md").is_file():
            return Path(folder).resolve()
    return None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; skips on a machine without it, fails in CI."""
    folder = find_shared()
    if folder is None:
        message = "needs the data folder: set VITRINE_SHARED to it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


def pick_port() -> int:
    """A TCP port on localhost that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a TCP port on localhost that nobody listens on."""
    return pick_port
