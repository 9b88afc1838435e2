"""Fetches the gateways' metrics, from all of them side by side."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from serving.automatic.counts import Counts

METRICS = "/metrics"
_TIMEOUT_S = 3.0
_MOST_BYTES = 64 << 20
_MOST_AT_ONCE = 16
_CHUNK = 1 << 16


class GatewayUrlError(ValueError):
    """An address of a gateway that cannot be one."""


class NoGateway(OSError):
    """No gateway gives metrics; nothing was changed."""


@dataclass(frozen=True)
class Scraped:
    """What the gateways said.

    Attributes:
        counts: By gateway, of those that answered.
        away: Why the others did not, by gateway.
    """

    counts: dict[str, Counts] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gateway:
    """One gateway: where it is, and what it is called there.

    Attributes:
        scheme: ``http`` or ``https``.
        host: As in the URL.
        address: One address of that host.
        port: Its port.
        path: Of its metrics.
    """

    scheme: str
    host: str
    address: str
    port: int
    path: str

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{shown}:{self.port}"


class Gateways:
    """The gateways behind some URLs. A host name stands for every address it has at that moment."""

    def __init__(self, urls: Sequence[str], model: str) -> None:
        """Raises GatewayUrlError for what is no URL of a web server."""
        self._urls = [_checked(url) for url in urls]
        self._model = model

    def scrape(self) -> Scraped:
        """What all of them count of the model now."""
        scraped = Scraped()
        found: dict[str, Gateway] = {}
        for url in self._urls:
            try:
                found |= {str(gateway): gateway for gateway in _resolved(url)}
            except OSError as error:
                scraped.away[url] = f"its host name has no address: {error.strerror or error}"
        with ThreadPoolExecutor(_MOST_AT_ONCE) as threads:
            for name, answer in zip(found, threads.map(self._ask, found.values()), strict=True):
                if isinstance(answer, str):
                    scraped.away[name] = answer
                else:
                    scraped.counts[name] = answer
        return scraped

    def _ask(self, gateway: Gateway) -> Counts | str:
        """Its counts, or why there are none."""
        # Imported here, for it takes longer than all of the command line.
        from serving.automatic.exposition import NotMetrics, parse

        try:
            return parse(fetch(gateway), self._model)
        except (OSError, HTTPException, NotMetrics) as error:
            return str(error) or type(error).__name__


def fetch(gateway: Gateway) -> str:
    """The text of a gateway's metrics.

    Raises:
        OSError, HTTPException: It did not give it within seconds.
    """
    give_up = time.monotonic() + _TIMEOUT_S
    connection = HTTPConnection(gateway.host, gateway.port, timeout=_TIMEOUT_S)
    try:
        # Connected by address: all that a name stands for are asked, each under that name.
        connection.sock = _connected(gateway)
        connection.request("GET", gateway.path, headers={"Accept": "text/plain"})
        response = connection.getresponse()
        if response.status != 200:
            raise OSError(f"Expected 200 for {gateway.path}. Received: {response.status} {response.reason}")
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if time.monotonic() > give_up or len(body) > _MOST_BYTES:
                raise OSError(f"{gateway.path} has no end after {len(body):,} bytes and {_TIMEOUT_S:g} s")
        return body.decode(errors="replace")
    finally:
        connection.close()


def _connected(gateway: Gateway) -> socket.socket:
    plain = socket.create_connection((gateway.address, gateway.port), _TIMEOUT_S)
    if gateway.scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=gateway.host)


def _checked(url: str) -> str:
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise GatewayUrlError(f"Expected the URL of a gateway, such as http://localhost:8080. Received: {url!r}")
    return whole


def _resolved(url: str) -> list[Gateway]:
    """Every address of the URL's host, of one family: a machine that has both kinds is one gateway, not two."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family = socket.AF_INET if any(one[0] == socket.AF_INET for one in found) else socket.AF_INET6
    addresses = sorted({str(one[4][0]) for one in found if one[0] == family})
    path = f"{parts.path.rstrip('/').removesuffix(METRICS)}{METRICS}"
    return [Gateway(parts.scheme, host, address, port, path) for address in addresses]
