"""What a client may take its time for, what is no HTTP, and the end of the process, over bare sockets."""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import struct
import threading

import pytest

from gateway import connection
from gateway.classify.answer import Upload
from tests.gateway.api.test_arriving import answer_of, connected, head
from tests.gateway.api.test_multipart import END, TYPE, part
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, Start, png
from tests.gateway.fake_serving import FakeServing, card
from tests.gateway.posting import post
from tests.processes import wait_until

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def cut_off(line: socket.socket) -> bool:
    """True once the other end has closed the connection, whatever came before."""
    try:
        while line.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def in_flight(client: Client) -> str:
    """How many classifications hold a place, as the metrics tell it."""
    lines = client.get("/metrics").text.splitlines()
    return next(line for line in lines if line.startswith("vitrine_inflight")).rpartition(" ")[2]


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_request_that_does_not_go_on_is_given_up(
    client: Client, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(connection, "CHECK_S", 0.1)
    with connected(client) as line:
        line.sendall(begun)
        assert cut_off(line)


def test_a_client_that_does_not_read_its_answer_holds_no_place_for_ever(
    client: Client, serving: FakeServing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CHECK_S", 0.2)
    serving.models["digits"].cards = {1: card(labels=tuple(f"class number {number}" for number in range(20_000)))}
    body = b"".join(part("images", png(0), f"{number}.png") for number in range(60)) + END
    with connected(client) as line:
        line.sendall(head(len(body), "/api/v1/classify?format=ndjson") + body)
        wait_until(lambda: in_flight(client) == "1.0", what="a place that is held")
        wait_until(lambda: in_flight(client) == "0.0", what="a free place")
        assert cut_off(line)


def test_a_client_that_reads_slowly_gets_all_of_its_answer(
    client: Client, serving: FakeServing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CHECK_S", 0.1)
    serving.models["digits"].cards = {1: card(labels=tuple(f"class number {number}" for number in range(20_000)))}
    body = b"".join(part("images", png(0), f"{number}.png") for number in range(8)) + END
    pause = threading.Event()
    with connected(client) as line:
        line.sendall(head(len(body)) + body)
        data = b""
        while not data.rstrip().endswith(b"}}"):
            pause.wait(0.005)
            came = line.recv(65536)
            assert came
            data += came
    assert len(json.loads(data.partition(b"\r\n\r\n")[2])["predictions"]) == 8


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "bad_request"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431, "head_too_large"),
    ],
)
def test_what_is_no_request_gets_an_answer_of_the_one_shape(
    client: Client, sent: bytes, status: int, code: str
) -> None:
    with connected(client) as line:
        line.sendall(sent)
        came, text = answer_of(line)
        assert (came, json.loads(text)["error"]["code"]) == (status, code)
        assert set(json.loads(text)) == {"error", "request_id"}
        assert cut_off(line)


@pytest.mark.parametrize("trailer", [b"X: x\r\n", b"X: " + b"x" * 10_000])
def test_trailers_have_an_end(client: Client, trailer: bytes) -> None:
    with connected(client) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            line.sendall(trailer * 1000)
        assert cut_off(line)


def test_who_hangs_up_with_several_requests_under_way_leaves_no_trouble_behind(
    start: Start, serving: FakeServing
) -> None:
    gateway = start(VITRINE_WORKERS="1")
    assert gateway.classify(png(0)).ok
    body = part("images", png(0), "a.png") + END
    asked = len(serving.requests)
    serving.models["digits"].hold.clear()
    port = int(gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall((head(len(body)) + body) * 3)
        wait_until(lambda: len(serving.requests) > asked, what="a question")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    serving.models["digits"].hold.set()
    gateway.process.terminate()
    assert gateway.process.wait(20) == 0
    assert '"level":"error"' not in gateway.log.read_text()


def held(data: bytes) -> bool:
    """True while somebody holds on to a picture."""
    gc.collect()
    return any(isinstance(one, Upload) and one.data == data for one in gc.get_objects())


@pytest.mark.parametrize("path", ["/api/v1/classify", "/"])
def test_an_idle_connection_holds_no_pictures(client: Client, path: str) -> None:
    picture = png(77, 33)
    body = part("images", picture, "a.png") + END
    with connected(client) as line:
        line.sendall(head(len(body), path) + body)
        assert answer_of(line)[0] == 200
        wait_until(lambda: not held(picture), what="the end of a picture")


def test_of_a_connection_that_was_reset_nothing_stays(client: Client) -> None:
    with connected(client) as line:
        line.sendall(GET)
        assert answer_of(line)[0] == 200
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone = line.getsockname()
    wait_until(
        lambda: all(one.client != gone for one in gc.get_objects() if isinstance(one, connection.Connection)),
        what="the end of the connection",
        timeout_s=3,
    )


def test_what_was_whole_is_answered_before_the_rubbish_behind_it(client: Client) -> None:
    with connected(client) as line:
        line.sendall(GET + b"\x00\x01\x02\r\n\r\n")
        assert answer_of(line)[0] == 200
        assert cut_off(line)


@pytest.mark.parametrize("name", [b"Upgrade", b"upgrade", b"UPGRADE"])
def test_an_offer_of_http_2_costs_a_request_neither_body_nor_connection(client: Client, name: bytes) -> None:
    body = part("images", png(0), "a.png") + END
    offer = b"Connection: Upgrade, HTTP2-Settings\r\n" + name + b": h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n"
    request = head(len(body)).replace(b"Host: x\r\n", b"Host: x\r\n" + offer) + body
    with connected(client) as line:
        for _ in range(2):
            line.sendall(request)
            status, text = answer_of(line)
            assert (status, json.loads(text)["predictions"][0]["label"]) == (200, "0")


def test_a_body_of_chunks_is_read_by_the_api_and_by_the_page(client: Client) -> None:
    def chunks() -> list[bytes]:
        return [part("images", png(0), "a.png"), END]

    for path in ("/api/v1/classify", "/"):
        answer = client.post(path, data=iter(chunks()), headers={"Content-Type": TYPE, "Accept": "application/json"})
        assert answer.json()["predictions"][0]["label"] == "0", path


def test_a_client_of_http_1_0_gets_lines_without_chunks(client: Client) -> None:
    body = part("images", png(0), "a.png") + END
    request = head(len(body), "/api/v1/classify?format=ndjson").replace(b"HTTP/1.1", b"HTTP/1.0") + body
    with connected(client) as line:
        line.sendall(request)
        status, text = answer_of(line)
    assert status == 200
    assert [set(json.loads(one)) for one in text.splitlines()][-1] == {"predictions", "timing_ms"}


@pytest.mark.parametrize("path", ["/api/v1/classify", "/"])
def test_who_waits_for_leave_and_gets_none_gets_an_end(client: Client, path: str) -> None:
    with connected(client) as line:
        line.sendall(head(10**12, path).replace(b"Host: x\r\n", b"Host: x\r\nExpect: 100-continue\r\n"))
        assert answer_of(line)[0] == 413
        assert cut_off(line)


def test_who_waits_for_leave_gets_it(client: Client) -> None:
    body = part("images", png(0), "a.png") + END
    with connected(client) as line:
        line.sendall(head(len(body)).replace(b"Host: x\r\n", b"Host: x\r\nExpect: 100-continue\r\n"))
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(body)
        assert answer_of(line)[0] == 200


def test_probes_are_answered_while_every_thread_for_pages_is_busy(
    make_client: MakeClient, serving: FakeServing
) -> None:
    client = make_client(VITRINE_THREADS="2")
    assert client.get("/").ok
    serving.models["digits"].hold.clear()
    pages = [threading.Thread(target=post, args=(client, png(0)), kwargs={"path": "/"}) for _ in range(4)]
    for page in pages:
        page.start()
    try:
        wait_until(lambda: in_flight(client) == "2.0", what="busy threads")
        assert client.get("/healthz").ok
        assert client.get("/readyz").ok
    finally:
        serving.models["digits"].hold.set()
        for page in pages:
            page.join()


def test_a_request_on_an_idle_connection_is_answered_while_the_process_stops(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 10.0)
    with connected(client) as used, connected(client) as fresh:
        used.sendall(GET)
        assert answer_of(used)[0] == 200
        client.stop()
        wait_until(lambda: not accepts(client), what="the end of the listening")
        for line in (used, fresh):
            line.sendall(GET)
            assert answer_of(line)[0] == 200
            assert cut_off(line)


def accepts(client: Client) -> bool:
    """True while new connections are taken."""
    try:
        with connected(client):
            return True
    except ConnectionError:
        return False
