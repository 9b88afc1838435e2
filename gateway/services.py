"""What the edges work with: the parts of one worker, alive as long as its event loop serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.admission.door import Door
from gateway.admission.gate import Gate
from gateway.classify.decoding import Decoder
from gateway.classify.pipeline import Classifier
from gateway.observe.metrics import Metrics
from gateway.observe.recorder import Recorder
from gateway.observe.shadows import ShadowMetrics
from gateway.observe.tracing import Tracing
from gateway.observe.tracing import wanted as traced
from gateway.settings.settings import Settings
from gateway.shadow.mirror import Mirror
from gateway.upstream.breaker import Breaker, WatchedModelServer
from gateway.upstream.coalescer import Coalescer
from gateway.versions.cards import CardCache
from gateway.versions.catalogue import Catalogue
from gateway.versions.releases import ReleaseWatcher
from gateway.versions.resolve import Resolver


@dataclass(frozen=True)
class Services:
    """One worker's parts."""

    settings: Settings
    door: Door
    gate: Gate
    releases: ReleaseWatcher
    resolver: Resolver
    classifier: Classifier
    catalogue: Catalogue
    metrics: Metrics
    recorder: Recorder
    tracing: Tracing | None


@asynccontextmanager
async def running(settings: Settings, client: WatchedModelServer, door: Door) -> AsyncIterator[Services]:
    """The parts, wired together around one client, which is closed in the end."""
    metrics = Metrics()
    tracing = Tracing() if traced(settings) else None
    breaker = Breaker(client)
    gate = Gate(settings.max_inflight, settings.max_buffered_bytes)
    metrics.watch(
        inflight=lambda: gate.inflight,
        buffered_bytes=lambda: gate.buffered_bytes,
        breaker_open=lambda: breaker.is_open,
    )
    cards = CardCache(breaker)
    releases = ReleaseWatcher(settings.repository)
    resolver = Resolver(settings, breaker, releases, cards)
    decoder = Decoder(settings)
    coalescer = Coalescer(breaker, max_batch=settings.max_batch, on_call=metrics.upstream_call)
    mirror = Mirror(
        settings,
        client,
        releases,
        ShadowMetrics(metrics),
        busy=lambda: coalescer.busy or decoder.busy,
        away=lambda: breaker.is_open,
    )
    metrics.watch(shadow_bytes=lambda: mirror.held_bytes)
    handing_over = asyncio.create_task(metrics.keep_handing_over())
    try:
        yield Services(
            settings=settings,
            door=door,
            gate=gate,
            releases=releases,
            resolver=resolver,
            classifier=Classifier(settings, coalescer, resolver, cards, decoder, on_answer=mirror.offer),
            catalogue=Catalogue(breaker, resolver, cards),
            metrics=metrics,
            recorder=Recorder(metrics, tracing),
            tracing=tracing,
        )
    finally:
        handing_over.cancel()
        await asyncio.gather(handing_over, return_exceptions=True)
        await mirror.close()
        decoder.close()
        await breaker.close()
        await client.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
