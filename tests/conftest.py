"""Fixtures that every package's tests may use: the shared data, free ports, processes that are always ended."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
# As root in a container, without a graphics card, and without asking anything outside.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


# What a shell runs in the background begins with Ctrl-C ignored, and so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


# The tests' pictures, decoded, have no place in the user's own cache; child processes take the variable over.
os.environ["VITRINE_CACHE"] = tempfile.mkdtemp(prefix="vitrine-cache-")
atexit.register(shutil.rmtree, os.environ["VITRINE_CACHE"], ignore_errors=True)


# `make` exports it, and a demo may have filled that repository: a test names its own.
os.environ.pop("MODEL_REPOSITORY", None)


def find_shared() -> Path | None:
    """The folder of real data, or None: `VITRINE_SHARED`, else `shared` beside the checkout."""
    for folder in (os.environ.get("VITRINE_SHARED"), ROOT.parent / "shared"):
        if folder and (Path(folder) / "data" / "SOURCES.md").is_file():
            return Path(folder).resolve()
    return None


# Where Keras finds Fashion-MNIST and ImageNet's weights without a network; it reads the variable when it is imported.
if (_shared := find_shared()) and "KERAS_HOME" not in os.environ:
    os.environ["KERAS_HOME"] = str(_shared / "keras_home")


def skip_unless_ci(reason: str) -> NoReturn:
    """Skips on a user's machine that lacks something; in CI nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def find_chromium() -> str | None:
    """The browser's program, if there is one on the PATH."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium from the PATH; skips on a machine without it, fails in CI."""
    found = find_chromium()
    if found is None:
        skip_unless_ci("needs Chromium on the PATH: apt install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; skips on a machine without it, fails in CI."""
    folder = find_shared()
    if folder is None:
        skip_unless_ci("needs the data folder: set VITRINE_SHARED to it")
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
