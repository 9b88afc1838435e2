"""From Flask's threads into the event loop, where the parts of the gateway live."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from flask import Flask, current_app

from gateway.services import Services

_EXTENSION = "vitrine"
_Result = TypeVar("_Result")


class Portal:
    """One application's way in."""

    def __init__(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self.services = services
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What a coroutine of the services gives, awaited in their loop. Each of them has its own deadline."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def install(app: Flask, portal: Portal) -> None:
    """Makes `services` and `run` work for an application."""
    app.extensions[_EXTENSION] = portal


def services() -> Services:
    """The parts of the gateway."""
    return _portal().services


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """As `Portal.run`, of the current application."""
    return _portal().run(work)


def _portal() -> Portal:
    return cast("Portal", current_app.extensions[_EXTENSION])
