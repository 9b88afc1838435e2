"""A gateway's metrics over real HTTP: at every scrape they grow as if release.json were obeyed by steady traffic."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from contract.release import CANARY, STABLE, ModelRelease, Release
from tests.serving.automatic.counting import Metrics


@dataclass
class FakeGateway:
    """What it tells.

    Attributes:
        repository: Where release.json is.
        requests: How many it answers between two scrapes.
        bad: How the candidate does, as keywords of `Metrics.answered`.
        bad_copies: The same of copies, as keywords of `Metrics.copied`.
        shares: The candidate's shares of traffic that it has seen, without repeats; None is a copy's.
        status: What it answers to a scrape.
    """

    repository: Path
    requests: int = 400
    bad: dict[str, Any] = field(default_factory=dict)
    bad_copies: dict[str, Any] = field(default_factory=dict)
    shares: list[float] = field(default_factory=list)
    status: int = 200
    metrics: Metrics = field(default_factory=Metrics)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restarted(self) -> None:
        """Forgets all that it has counted."""
        self.metrics = Metrics()

    def scraped(self) -> str:
        """Its metrics after some more traffic."""
        model = Release.read(self.repository).models.get("digits", ModelRelease())
        if STABLE in model.labels and self.requests:
            self._traffic(model, model.labels[STABLE])
        return self.metrics.text()

    def _traffic(self, model: ModelRelease, stable: int) -> None:
        share = model.canary_percent if model.rollout else -1.0
        if model.rollout and self.shares[-1:] != [share]:
            self.shares.append(share)
        to_canary = round(self.requests * model.canary_percent / 100)
        if self.requests > to_canary:
            self.metrics.answered(stable, self.requests - to_canary)
            copies = round((self.requests - to_canary) * model.shadow_percent / 100)
            if model.shadow is not None and copies:
                self.metrics.copied(stable, model.shadow, copies, **_scaled(self.bad_copies, copies))
        if to_canary:
            self.metrics.answered(model.labels[CANARY], to_canary, **_scaled(self.bad, to_canary))


def _scaled(bad: dict[str, Any], count: int) -> dict[str, Any]:
    """Shares as counts; times as they are."""
    return {name: value if name == "seconds" else round(value * count) for name, value in bad.items()}


@contextmanager
def serving(gateway: FakeGateway, port: int = 0) -> Iterator[FakeGateway]:
    """Answers until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server wants
            body = gateway.scraped().encode() if self.path == "/metrics" else b"no such page"
            self.send_response(gateway.status if self.path == "/metrics" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    gateway.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
