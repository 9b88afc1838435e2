"""Metrics are fetched from every address of every gateway, and what is none is told."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from serving.automatic import gateways
from serving.automatic.gateways import Gateways, GatewayUrlError
from tests.serving.automatic.counting import Metrics

OK = ("vitrine_answers_total", (("model", "digits"), ("outcome", "ok"), ("version", "1")))


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """The port of a server with a version's metrics, and what it was asked: host and path."""
    metrics, asked = Metrics(), []
    metrics.answered(1, 7)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Host"] + self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(metrics.text().encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake in the thread of each request: one that is broken off ends no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def web() -> Iterator[tuple[int, list[str]]]:
    with web_server() as found:
        yield found


Web = tuple[int, list[str]]


def test_a_host_name_stands_for_every_address_of_one_family(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    port, asked = web

    def pods(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "gateways"
        four = [(socket.AF_INET, 0, 0, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]
        return [*four, (socket.AF_INET6, 0, 0, "", ("::1", port, 0, 0))]

    find = Gateways([f"http://gateways:{port}"], "digits")
    monkeypatch.setattr(socket, "getaddrinfo", pods)
    # Connecting resolves addresses too; those are no names.
    monkeypatch.setattr(socket, "create_connection", connect)

    scraped = find.scrape()

    assert sorted(scraped.counts) == [f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"]
    assert scraped.away == {}
    assert asked == [f"gateways:{port}/metrics"] * 2


def connect(address: tuple[str, int], timeout: float) -> socket.socket:
    made = socket.socket()
    made.settimeout(timeout)
    made.connect(address)
    return made


@pytest.mark.parametrize("ending", ["", "/", "/metrics", "/metrics/"])
def test_the_path_of_the_metrics_may_be_named(web: Web, ending: str) -> None:
    port, asked = web

    scraped = Gateways([f"127.0.0.1:{port}/vitrine{ending}"], "digits").scrape()

    assert [counts[OK] for counts in scraped.counts.values()] == [7]
    assert asked[0].endswith("/vitrine/metrics")


def test_who_is_away_does_not_keep_the_others_waiting(web: Web) -> None:
    port, _ = web
    here = f"http://127.0.0.1:{port}"

    scraped = Gateways(["http://127.0.0.1:9", here, "http://no-such-host.invalid"], "digits").scrape()

    assert list(scraped.counts) == [here]
    assert "Connection refused" in scraped.away["http://127.0.0.1:9"]
    assert "its host name has no address" in scraped.away["http://no-such-host.invalid"]


@pytest.fixture
def trickle() -> Iterator[int]:
    """The port of a server that answers without end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    while True:
                        connection.sendall(b"# nothing\n" * 1000)
                except OSError:
                    pass

        thread = Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_an_answer_without_end_is_given_up(trickle: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "_TIMEOUT_S", 0.2)

    scraped = Gateways([f"http://127.0.0.1:{trickle}"], "digits").scrape()

    assert "/metrics has no end after" in scraped.away[f"http://127.0.0.1:{trickle}"]


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "http://a:0", "http://a:port", "http://[::1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(GatewayUrlError, match="Expected the URL of a gateway, such as http://localhost:8080"):
        Gateways([url], "digits")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for localhost."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days"]
    where = ["-keyout", str(path), "-out", f"{path}.crt", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words, "2", *where, *names], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_certificates_are_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server(certificate) as (port, _):
        find = Gateways([f"https://localhost:{port}"], "digits")
        assert "certificate verify failed" in next(iter(find.scrape().away.values()))
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        assert [counts[OK] for counts in find.scrape().counts.values()] == [7]
