"""What the views work with, built once for each application and found through `services()`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from flask import current_app

from gateway.classify.decoding import Decoder
from gateway.classify.pipeline import Classifier
from gateway.errors import Busy
from gateway.observe.metrics import Metrics
from gateway.settings.table import Settings
from gateway.upstream.model_server import ModelServer
from gateway.versions.cards import CardCache
from gateway.versions.catalogue import Catalogue
from gateway.versions.releases import ReleaseWatcher
from gateway.versions.resolve import Resolver

EXTENSION = "vitrine"


class Gate:
    """Lets so many classifications in and turns away the next at once: a queue would only make everybody late."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._free = threading.BoundedSemaphore(limit)
        self._metrics = metrics

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Holds a place for the block. Raises Busy if none is free."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"{self._limit} requests are being answered already. Please try again in a moment")
        self._metrics.inflight.inc()
        try:
            yield
        finally:
            self._metrics.inflight.dec()
            self._free.release()


@dataclass(frozen=True)
class Services:
    """One application's parts."""

    settings: Settings
    resolver: Resolver
    classifier: Classifier
    catalogue: Catalogue
    metrics: Metrics
    gate: Gate


def build(settings: Settings, client: ModelServer) -> Services:
    """Wires the parts together around one client."""
    cards = CardCache(client)
    resolver = Resolver(settings, client, ReleaseWatcher(settings.repository), cards)
    decoders = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="decode")
    metrics = Metrics()
    return Services(
        settings=settings,
        resolver=resolver,
        classifier=Classifier(settings, client, resolver, cards, Decoder(settings, decoders)),
        catalogue=Catalogue(client, resolver, cards),
        metrics=metrics,
        gate=Gate(settings.max_inflight, metrics),
    )


def services() -> Services:
    """The parts of the current application."""
    return cast("Services", current_app.extensions[EXTENSION])
