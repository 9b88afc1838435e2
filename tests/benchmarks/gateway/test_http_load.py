"""The load generator against a small real server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.benchmarks.gateway import http_load

_REQUEST = http_load.post("/classify", [("a.png", "image/png", b"one"), ("b.png", "image/png", b"two" * 100_000)])


class _Answers(BaseHTTPRequestHandler):
    """200 with what came, except that every fifth answer of the server is a 500."""

    protocol_version = "HTTP/1.1"
    connections = 0
    answers = 0
    every_fifth_fails = False
    seen: bytes = b""

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_POST(self) -> None:
        type(self).seen = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).answers += 1
        failed = self.every_fifth_fails and self.answers % 5 == 0
        self.send_response(500 if failed else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def _served(**attributes: object) -> Iterator[tuple[int, type[_Answers]]]:
    handler = type("Handler", (_Answers,), attributes)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, handler
        finally:
            server.shutdown()
            thread.join()


def _load(port: int, fault: str | None = None) -> http_load.HttpLoad:
    return http_load.run(
        port, _REQUEST, 3, warm_s=0.0, seconds=0.5, probe=iter((1.0, 3.5)).__next__, wrong=lambda _: fault
    )


def test_every_answer_in_the_window_is_counted_once_and_the_probe_is_read_at_both_ends() -> None:
    with _served() as (port, handler):
        load = _load(port)
    assert 0 < len(load.latencies_ms) <= handler.answers
    assert 0 < load.percentile(0.5) <= load.percentile(0.99)
    assert (load.failures, load.server_cpu_s) == (Counter(), 2.5)
    assert 0 < load.own_cpu <= 1.1
    assert handler.connections > handler.answers // 30


def test_the_request_is_a_multipart_form_with_the_files_in_order() -> None:
    with _served() as (port, handler):
        _load(port)
    first, second = handler.seen.split(b"--------------------------d74496d66958873e")[1:3]
    assert first.endswith(b'name="images"; filename="a.png"\r\nContent-Type: image/png\r\n\r\none\r\n')
    assert second.endswith(b"\r\n\r\n" + b"two" * 100_000 + b"\r\n")


def test_other_statuses_and_wrong_bodies_are_failures() -> None:
    with _served(every_fifth_fails=True) as (port, _):
        load = _load(port)
    assert set(load.failures) == {"status 500: b'ok'"}
    with _served() as (port, _):
        assert set(_load(port, "too short").failures) == {"too short"}


def test_a_server_that_is_gone_is_a_failure_not_an_endless_wait() -> None:
    with _served() as (port, _):
        pass
    assert "ConnectionRefusedError" in _load(port).failures
