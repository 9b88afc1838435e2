"""What is taken for HTTP, without a socket: whatever two readers could read in two ways is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from serving.model_server.rest.messages import Request
from serving.model_server.rest.parser import Refused, RequestParser

CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"


def read(*pieces: bytes) -> list[Request | int]:
    """The requests in these bytes, and the status that ends them if they are refused."""
    parser, found = RequestParser(), list[Request | int]()
    try:
        for piece in pieces:
            parser.feed(piece)
            while request := parser.next():
                found.append(request)
    except Refused as refused:
        found.append(refused.status)
    parser.close()
    return found


def at_once(data: bytes) -> list[bytes]:
    return [data]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("cut", [at_once, one_by_one])
def test_good_requests_are_the_same_however_they_are_cut(cut: Callable[[bytes], list[bytes]]) -> None:
    data = (
        CHUNKED + b"\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n"
        b"\r\nGET /a?b#c HTTP/1.0\r\nX-Name:  v \r\nx-name: second\r\n\r\n"
    )
    assert read(*cut(data)) == [
        Request("POST", "/c", {"transfer-encoding": "chunked"}, b"abc0123456789"),
        Request("GET", "/a?b#c", {"x-name": "v"}, b"", "1.0", keep_alive=False),
    ]


@pytest.mark.parametrize(
    ("version", "header", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: x, Close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_good_a_connection_is_kept_as_its_version_and_the_client_say(
    version: bytes, header: bytes, keep_alive: bool
) -> None:
    (request,) = read(b"GET / HTTP/" + version + b"\r\n" + header + b"\r\n")
    assert isinstance(request, Request)
    assert (request.version, request.keep_alive) == (version.decode(), keep_alive)


@pytest.mark.parametrize("cut", [at_once, one_by_one])
def test_good_an_offer_to_change_the_protocol_is_passed_over(cut: Callable[[bytes], list[bytes]]) -> None:
    head = b"POST /u HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    first, second = read(*cut(head + b"ab" + b"GET /next HTTP/1.1\r\n\r\n"))
    assert isinstance(first, Request)
    assert (first.target, first.body, first.keep_alive) == ("/u", b"ab", True)
    assert second == Request("GET", "/next")


def test_good_many_such_offers_at_once() -> None:
    offer = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert read(offer * 2_000) == [Request("GET", "/", {"connection": "Upgrade"})] * 2_000


def test_good_a_client_waits_to_be_asked_for_the_body() -> None:
    parser = RequestParser()
    parser.feed(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n")
    assert (parser.awaits_continue, parser.begun, parser.next()) == (True, True, None)
    parser.feed(b"a")
    assert not parser.awaits_continue
    parser.feed(b"b")
    assert parser.next() is not None
    assert not parser.begun


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\nbare: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nfolded: x\r\n y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: y\0z\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.2\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\na", 400),
        (CHUNKED + b"Content-Length: 1\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"Transfer-Encoding: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n1\nx\n0\n\n", 400),
        (CHUNKED + b"\r\n1\r\nxy\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\nffffffffffffffffff\r\n", 400),
        (b"CONNECT host:1 HTTP/1.1\r\n\r\n", 501),
        (b"BREW / HTTP/1.1\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nExpect: more\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nContent-Length: 134217729\r\n\r\n", 413),
    ],
)
def test_bad_request_is_refused(data: bytes, status: int) -> None:
    assert read(data) == [status]


def test_bad_body_in_chunks_is_refused_once_it_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.model_server.rest.parser._LONGEST_BODY", 4)
    assert read(CHUNKED + b"\r\n3\r\nabc\r\n2\r\n", b"de\r\n0\r\n\r\n") == [413]


@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\nx: ", CHUNKED + b"\r\n1;x=", CHUNKED + b"\r\n1\r\na\r\n0\r\nx: "]
)
def test_bad_target_header_extension_or_trailer_without_end_is_refused(start: bytes) -> None:
    assert read(start, *[b"y" * 2**16] * 15) == []
    assert read(start, *[b"y" * 2**16] * 17) == [400]


def test_bad_request_comes_after_the_good_ones_before_it() -> None:
    assert read(b"GET /1 HTTP/1.1\r\n\r\nnonsense\r\n\r\n") == [Request("GET", "/1"), 400]
