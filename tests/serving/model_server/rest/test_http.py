"""HTTP over real sockets: requests in pieces, in a row and broken; connections that are kept, ended and drained."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from serving.model_server.flags import Settings
from serving.model_server.rest.listener import RestListener
from serving.model_server.rest.messages import Request, Response
from tests.serving.model_server.conftest import eventually, unused_port


class Echo:
    """Answers with what it was asked; ``/wait`` only once it is allowed to."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self.go_on = threading.Event()

    def answer(self, request: Request) -> Response:
        if request.target == "/wait":
            self.waiting.set()
            assert self.go_on.wait(60)
        return Response(200, f"{request.method} {request.target} {len(request.body)}".encode(), (("X", "y"),))


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def port(echo: Echo) -> Iterator[int]:
    number = unused_port()
    listener = RestListener(echo, Settings(rest_api_port=number, rest_api_num_threads=2))
    yield number
    echo.go_on.set()
    listener.drain(60)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def read_to_the_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def read_answer(sock: socket.socket) -> bytes:
    """One answer of the echo, which ends in a digit."""
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(tuple(b"0123456789"[at : at + 1] for at in range(10))):
        data += sock.recv(65_536)
    return data


def ask(port: int, data: bytes) -> bytes:
    """Everything that the server says to these bytes until it hangs up."""
    with closing(connect(port)) as sock:
        sock.sendall(data)
        return read_to_the_end(sock)


CLOSE = b"Connection: close\r\n"


def test_good_answer_has_its_headers_in_the_official_order(port: int) -> None:
    head, _, body = ask(port, b"GET /a?b HTTP/1.1\r\nHost: h\r\n" + CLOSE + b"\r\n").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], body) == (b"HTTP/1.1 200 OK", b"GET /a?b 0")
    assert [line.split(b":")[0] for line in lines[1:]] == [b"X", b"Date", b"Content-Length", b"Connection"]


def test_good_requests_in_a_row_on_one_connection_even_if_sent_at_once(port: int) -> None:
    one, last = b"POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"GET /2 HTTP/1.1\r\n" + CLOSE + b"\r\n"
    answers = ask(port, one + b"\r\n" + last)
    assert b"POST /1 3HTTP/1.1 200 OK" in answers
    assert answers.endswith(b"GET /2 0")


def test_good_request_byte_by_byte(port: int) -> None:
    with closing(connect(port)) as sock:
        for byte in b"POST /slow HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab":
            sock.sendall(bytes([byte]))
        assert read_to_the_end(sock).endswith(b"POST /slow 2")


def test_good_body_in_chunks(port: int) -> None:
    head = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"\r\n"
    assert ask(port, head + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n").endswith(b"POST /c 13")


def test_good_body_is_asked_for_where_the_client_waits_for_that(port: int) -> None:
    with closing(connect(port)) as sock:
        sock.sendall(b"POST /e HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n" + CLOSE + b"\r\n")
        assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ab")
        assert read_to_the_end(sock).endswith(b"POST /e 2")


def test_an_old_client_is_hung_up_on_unless_it_asks_otherwise(port: int) -> None:
    assert ask(port, b"GET /o HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 OK\r\nX: y\r\nContent-Length: 8\r\n")
    with closing(connect(port)) as sock:
        sock.sendall(b"GET /o HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        assert b"\r\nConnection: keep-alive\r\n" in read_answer(sock)
        sock.sendall(b"GET /p HTTP/1.0\r\n\r\n")
        assert read_to_the_end(sock).endswith(b"GET /p 0")


def test_head_is_answered_without_a_body(port: int) -> None:
    assert ask(port, b"HEAD /h HTTP/1.1\r\n" + CLOSE + b"\r\n").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"nonsense", b"400 Bad Request"),
        (b"GET /", b"400 Bad Request"),
        (b"GET / HTTP/2.0", b"400 Bad Request"),
        (b"BREW / HTTP/1.1", b"501 Not Implemented"),
        (b"TRACE / HTTP/1.1", b"501 Not Implemented"),
        (b"GET / HTTP/1.1\r\nno colon", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nspace : x", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: x", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 134217729", b"413 Payload Too Large"),
        (b"POST / HTTP/1.1\r\nExpect: more", b"417 Expectation Failed"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 2**21, b"400 Bad Request"),
    ],
)
def test_bad_request_gets_a_page_and_is_hung_up_on(port: int, request_head: bytes, status: bytes) -> None:
    answer = ask(port, request_head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\nContent-Type: text/html\r\n")
    assert b"\r\nConnection: close\r\n\r\n<HTML><HEAD>\n" in answer


def test_requests_before_a_bad_one_are_answered(port: int) -> None:
    answers = ask(port, b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\nbare: x\n\n")
    assert b"GET /1 0HTTP/1.1 400 Bad Request\r\n" in answers


def test_a_client_that_leaves_in_the_middle_harms_nobody(port: int) -> None:
    for part in (b"", b"GET", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"):
        with closing(connect(port)) as sock:
            sock.sendall(part)
    assert ask(port, b"GET /a HTTP/1.1\r\n" + CLOSE + b"\r\n").endswith(b"GET /a 0")


def test_a_connection_too_many_ends_an_idle_one_or_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.model_server.rest.listener._MOST_CONNECTIONS", 1)
    echo, number = Echo(), unused_port()
    listener = RestListener(echo, Settings(rest_api_port=number))
    with closing(connect(number)) as idle:
        idle.sendall(b"GET /i HTTP/1.1\r\n\r\n")
        read_answer(idle)
        eventually(lambda: listener._idle, what="the connection was idle")
        with closing(connect(number)) as busy:
            assert idle.recv(1) == b""
            busy.sendall(b"GET /wait HTTP/1.1\r\n" + CLOSE + b"\r\n")
            assert echo.waiting.wait(60)
            with closing(connect(number)) as refused:
                assert refused.recv(1) == b""
            echo.go_on.set()
            assert read_to_the_end(busy).endswith(b"GET /wait 0")
    listener.drain(60)


def test_draining_answers_what_is_in_flight_and_ends_idle_connections() -> None:
    echo, number = Echo(), unused_port()
    listener = RestListener(echo, Settings(rest_api_port=number, rest_api_num_threads=2))
    with closing(connect(number)) as idle, closing(connect(number)) as busy:
        idle.sendall(b"GET /i HTTP/1.1\r\n\r\n")
        read_answer(idle)
        busy.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        assert echo.waiting.wait(60)
        draining = threading.Thread(target=listener.drain, args=(60,))
        draining.start()
        assert idle.recv(1) == b""
        eventually(lambda: refuses(number), what="the port closed")
        echo.go_on.set()
        answer = read_to_the_end(busy)
        draining.join(60)
    assert answer.endswith(b"GET /wait 0")
    assert b"\r\nConnection: close\r\n" in answer


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
