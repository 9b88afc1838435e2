"""The HTTP load generator: clients that post the same bytes again and again, all in one thread over epoll.

Requests are built beforehand and answers are read by Node's parser, so that a request costs some 50 microseconds;
`HttpLoad.own_cpu` says what share of a CPU it took. A connection carries some thirty requests and is then opened anew,
so that clients spread over the server's workers as many users do.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import httptools

_A_CONNECTION = 30
_GIVE_UP_S = 60.0
_SAMPLED = 25
# Of an answer that is a failure: its code, not yet the request's own id, so that like ones count as one.
_TOLD = 90
_READ = 1 << 18


@dataclass(frozen=True)
class HttpLoad:
    """What some clients measured.

    Attributes:
        seconds: The length of the window in which answers were counted.
        latencies_ms: Of every answer of that window.
        own_cpu: The share of one CPU that the generator took.
        server_cpu_s: What the probe rose by in the window.
        failures: How often what went wrong, in the window and outside it.
    """

    seconds: float
    latencies_ms: list[float]
    own_cpu: float
    server_cpu_s: float
    failures: Counter[str]

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers, 0 to 1, did not exceed; nan without any."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def post(path: str, files: list[tuple[str, str, bytes]]) -> bytes:
    """A whole multipart request, as curl sends it. `files`: name, media type and bytes of each."""
    mark = "------------------------d74496d66958873e"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="images"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, kind, data in files
    ]
    body = b"".join([*parts, f"--{mark}--\r\n".encode()])
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={mark}\r\n\r\n"
    )
    return head.encode() + body


def run(
    port: int,
    request: bytes,
    clients: int,
    *,
    warm_s: float,
    seconds: float,
    probe: Callable[[], float],
    wrong: Callable[[bytes], str | None],
) -> HttpLoad:
    """Posts `request` from `clients` connections to 127.0.0.1:`port`.

    Args:
        port: Where the server listens.
        request: The bytes of one request.
        clients: How many are under way at any time.
        warm_s: How long answers are not counted yet.
        seconds: How long they are.
        probe: Read at both ends of the window: the CPU seconds that the server has used.
        wrong: Says what is wrong with an answer's body, None if nothing is. Asked of a sample, after the window.
    """
    return _Run(port, request, clients, wrong).measure(warm_s, seconds, probe)


class _Run:
    """All clients of one measurement."""

    def __init__(self, port: int, request: bytes, clients: int, wrong: Callable[[bytes], str | None]) -> None:
        self._selector = selectors.DefaultSelector()
        self._wrong = wrong
        self._latencies_ms: list[float] = []
        self._sample: list[bytes] = []
        self._failures: Counter[str] = Counter()
        # Connections end one after another, not all at once.
        self._clients = [
            _Client(port, request, self._selector, 1 + _A_CONNECTION * number // clients) for number in range(clients)
        ]

    def measure(self, warm_s: float, seconds: float, probe: Callable[[], float]) -> HttpLoad:
        for client in self._clients:
            self._again(client)
        self._until(time.perf_counter() + warm_s)
        self._latencies_ms.clear()
        before, cpu, started = probe(), time.process_time(), time.perf_counter()
        self._until(started + seconds)
        elapsed, own = time.perf_counter() - started, time.process_time() - cpu
        used = probe() - before
        for client in self._clients:
            client.close()
        for body in self._sample:
            if (fault := self._wrong(body)) is not None:
                self._failures[fault] += 1
        return HttpLoad(elapsed, self._latencies_ms, own / elapsed, used, self._failures)

    def _until(self, end: float) -> None:
        while (now := time.perf_counter()) < end:
            for key, _ in self._selector.select(min(end - now, 1.0)):
                client: _Client = key.data
                try:
                    if client.advance():
                        self._answered(client)
                except (OSError, httptools.HttpParserError) as error:
                    self._failed(client, type(error).__name__)
            for client in self._clients:
                if now - client.sent_s > _GIVE_UP_S:
                    self._failed(client, "no answer")

    def _answered(self, client: _Client) -> None:
        self._latencies_ms.append(1000 * (time.perf_counter() - client.sent_s))
        if client.status != 200:
            self._failures[f"status {client.status}: {client.body[:_TOLD]!r}"] += 1
        elif len(self._latencies_ms) % _SAMPLED == 1:
            self._sample.append(client.body)
        self._again(client)

    def _failed(self, client: _Client, reason: str) -> None:
        self._failures[reason] += 1
        client.close()
        self._again(client)

    def _again(self, client: _Client) -> None:
        try:
            client.send()
        except OSError as error:
            self._failures[type(error).__name__] += 1


class _Client:
    """One connection at a time, one request at a time. It takes the parser's callbacks."""

    def __init__(self, port: int, request: bytes, selector: selectors.BaseSelector, first_connection: int) -> None:
        self.sent_s = 0.0
        self.status = 0
        self._port = port
        self._request = memoryview(request)
        self._selector = selector
        self._next_connection = first_connection
        self._socket: socket.socket | None = None
        self._left = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    def send(self) -> None:
        """Begins the next request; on a new connection, if this one has carried enough."""
        if self._left == 0:
            self.close()
        self.sent_s = time.perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_GIVE_UP_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setblocking(False)
            self._parser = httptools.HttpResponseParser(self)
            self._left, self._next_connection = self._next_connection, _A_CONNECTION
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._left -= 1
        self._parts: list[bytes] = []
        self._complete = False
        self._unsent = self._request
        self._write(self._socket)

    def advance(self) -> bool:
        """Writes or reads what can be; True once the answer is whole."""
        assert self._socket is not None
        if self._unsent:
            self._write(self._socket)
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return False
        if not data:
            raise ConnectionResetError
        self._parser.feed_data(data)
        return self._complete

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
        self._left = 0

    def _write(self, connection: socket.socket) -> None:
        waited = len(self._unsent) < len(self._request)
        try:
            while self._unsent:
                self._unsent = self._unsent[connection.send(self._unsent) :]
        except BlockingIOError:
            self._selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        else:
            if waited:
                self._selector.modify(connection, selectors.EVENT_READ, self)

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._complete = True
        if not self._parser.should_keep_alive():
            self._left = 0
