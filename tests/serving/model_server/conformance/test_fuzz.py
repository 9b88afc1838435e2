"""Damaged and random requests: each gets a well-formed answer, and the server goes on answering good ones.

``VITRINE_FUZZ`` is the number of requests of each kind; the seed is fixed, so that a failure can be seen again.
"""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import text_format

from tests.serving.model_server.conformance import grpc_table, rest_table
from tests.serving.model_server.conformance.conftest import Server
from tests.serving.model_server.conformance.grpc_table import spec, x
from tests.serving.model_server.conformance.test_grpc import METHODS, call
from tests.serving.model_server.conformance.test_rest import send

COUNT = int(os.environ.get("VITRINE_FUZZ", "300"))
# A reload would take the models away.
CALLS = [row for row in grpc_table.ROWS if row.method != "HandleReloadConfigRequest"]
POSTS = [row for row in rest_table.ROWS if row.method == "POST"]
TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b'"',
    b"null",
    b"NaN",
    b"-",
    b"1e999",
    b"0",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
]


@pytest.fixture(autouse=True)
def _still_serves(served: Server) -> Iterator[None]:
    yield
    if served.embedded:
        assert served.embedded.process.poll() is None, served.embedded.log.read_text()
    assert call(served, "Predict", spec("half_plus_three") + x(1))[0] == "OK"
    assert send(served, "POST", "half_plus_three:predict", b'{"instances":[1]}')[0] == 200


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, left out, doubled or put in."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(5):
            case 0:
                result[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del result[at : at + chance.randint(1, 8)]
            case 2:
                result[at:at] = result[at : at + chance.randint(1, 16)]
            case 3:
                result[at:at] = chance.choice(TOKENS)
            case _:
                result[at:] = b""
    return bytes(result)


def answer_to(served: Server, method: str, request: bytes) -> Any:
    """The status code of a call whose request is any bytes; a response must be one of its kind."""
    service = "ModelService" if method == "GetModelStatus" else "PredictionService"
    raw: Any = served.channel.unary_unary(
        f"/tensorflow.serving.{service}/{method}",
        request_serializer=None,
        response_deserializer=METHODS[method][2].FromString,
    )
    try:
        raw(request, timeout=60)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_damaged_grpc_requests_are_answered(served: Server) -> None:
    chance = random.Random(1)
    codes = set()
    for _ in range(COUNT):
        row = chance.choice(CALLS)
        request = text_format.Parse(row.request, METHODS[row.method][1]()).SerializeToString()
        codes.add(answer_to(served, row.method, damaged(request, chance)))
    assert codes <= ALLOWED, codes


def test_random_bytes_as_grpc_requests_are_answered(served: Server) -> None:
    chance = random.Random(2)
    codes = {
        answer_to(served, chance.choice(CALLS).method, chance.randbytes(chance.randrange(64))) for _ in range(COUNT)
    }
    assert codes <= ALLOWED, codes


# INTERNAL is what gRPC itself answers to a request that is no message, and TensorFlow to some of what a graph refuses.
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
}


def test_damaged_rest_bodies_are_answered_with_json(served: Server) -> None:
    chance = random.Random(3)
    for _ in range(COUNT):
        row = chance.choice(POSTS)
        body = row.body if isinstance(row.body, str) else json.dumps(row.body)
        sent = damaged(body.encode(), chance)
        status, kind, answer = send(served, "POST", row.path, sent)
        assert kind == "application/json", sent
        assert status in {200, 400, 404, 500, 501}, (sent, answer)
        # A string that is no UTF-8 comes back as it was sent, as from TensorFlow Serving.
        found = json.loads(answer.decode(errors="replace"))
        assert (status == 200) == ("error" not in found), (sent, answer)


def test_damaged_http_is_answered_or_hung_up_on(served: Server) -> None:
    chance = random.Random(4)
    host, _, port = served.rest.rpartition(":")
    head = b"POST /v1/models/half_plus_three:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n"
    good = head + b'{"instances":[1]}'
    for number in range(COUNT):
        sent = damaged(good, chance) if number % 2 else chance.randbytes(chance.randrange(1, 200))
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(sent)
            # Nothing more will come: what waits for the rest must give up.
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while more := connection.recv(65536):
                    answer += more
            except ConnectionResetError:
                continue
        assert not answer or answer.startswith(b"HTTP/1."), (sent, answer)


def test_damaged_http2_is_hung_up_on(served: Server) -> None:
    chance = random.Random(5)
    host, _, port = served.address.rpartition(":")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    for number in range(COUNT // 10):
        sent = damaged(preface, chance) if number % 2 else chance.randbytes(chance.randrange(1, 200))
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
