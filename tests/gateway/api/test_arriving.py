"""Requests that come slowly, break off, or are too large, over a real socket; answers line by line."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from gateway.api import asked as asked_module
from gateway.api import body
from gateway.api.json_body import JsonRequest, read_json
from tests.gateway.api.test_multipart import END, TYPE, part
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeServing, card
from tests.gateway.posting import post
from tests.processes import wait_until

# Too many pixels to be decoded in the event loop.
LARGE = 1200


@contextmanager
def connected(client: Client) -> Iterator[socket.socket]:
    """A bare connection."""
    host, port = client.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def head(length: int, path: str = "/api/v1/classify") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {length}\r\n\r\n".encode()


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer with a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    top, _, rest = data.partition(b"\r\n\r\n")
    length = int(next(line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(top.split()[1]), rest


def asked(serving: FakeServing) -> bool:
    """True if the model server was asked about a picture."""
    return any(signature == "serving_default" for _, signature, _, _ in list(serving.requests))


def test_pictures_are_asked_about_while_the_rest_is_still_on_its_way(client: Client, serving: FakeServing) -> None:
    big = png(0, LARGE)
    whole = part("images", big, "a.png") + part("images", png(255, LARGE), "b.png") + END
    cut = len(part("images", big, "a.png")) + 40
    with connected(client) as connection:
        connection.sendall(head(len(whole)) + whole[:cut])
        wait_until(lambda: asked(serving), what="a first question")
        connection.sendall(whole[cut:])
        status, text = answer_of(connection)
    assert status == 200
    assert [item["label"] for item in json.loads(text)["predictions"]] == ["0", "9"]


def test_an_option_behind_a_large_picture_holds_for_it(client: Client, serving: FakeServing) -> None:
    one = part("images", png(0, LARGE), "a.png")
    whole = one + part("version", b"1") + END
    with connected(client) as connection:
        connection.sendall(head(len(whole)) + whole[: len(one) + 10])
        wait_until(lambda: asked(serving), what="a first question")
        connection.sendall(whole[len(one) + 10 :])
        status, text = answer_of(connection)
    assert (status, json.loads(text)["model"]["version"]) == (200, 1)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(client: Client) -> None:
    with connected(client) as connection:
        connection.sendall(head(10**12))
        status, text = answer_of(connection)
    assert (status, json.loads(text)["error"]["code"]) == (413, "too_large")
    assert b"1,000,000,000,000" in text


def test_a_line_that_goes_silent_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "STALL_S", 0.2)
    for path in ("/api/v1/classify", "/"):
        with connected(client) as connection:
            connection.sendall(head(1000, path) + b"--cut\r\n")
            assert answer_of(connection)[0] == 408
    assert post(client, png(0)).ok


def test_a_byte_now_and_then_does_not_hold_a_place_for_ever(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "STALL_S", 0.5)
    pause = threading.Event()
    with connected(client) as connection:
        connection.sendall(head(10**6) + b"--cut\r\n")
        answered = threading.Thread(target=connection.recv, args=(1, socket.MSG_PEEK))
        answered.start()
        while answered.is_alive():
            connection.sendall(b"-")
            pause.wait(0.05)
        status, text = answer_of(connection)
    assert (status, json.loads(text)["error"]["code"]) == (408, "upload_stalled")


@pytest.mark.parametrize(("size", "thread"), [(1000, "loop"), (2 << 20, "json_0")])
def test_large_json_is_read_beside_the_event_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch, size: int, thread: str
) -> None:
    threads: list[str] = []

    def read(*arguments: Any, **options: Any) -> JsonRequest:
        threads.append(threading.current_thread().name)
        return read_json(*arguments, **options)

    monkeypatch.setattr(asked_module, "read_json", read)
    pictures = [base64.b64encode(data).decode() for data in (png(255), bytes(size))]
    answer = client.post("/api/v1/classify", json={"images": pictures})
    assert [item.get("label") for item in answer.json()["predictions"]] == ["9", None]
    assert [name if name.startswith("json") else "loop" for name in threads] == [thread]


def test_a_client_that_hangs_up_leaves_nothing_behind(make_client: MakeClient, serving: FakeServing) -> None:
    client = make_client(VITRINE_MAX_INFLIGHT="1")
    for _ in range(5):
        with connected(client) as connection:
            connection.sendall(head(1000) + part("images", b"1", "a.png"))
    wait_until(lambda: post(client, png(0)).ok, what="a free place")


def lines_of(answer: requests.Response) -> list[dict[str, object]]:
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_lines_come_in_order_between_who_answers_and_how_long_it_took(client: Client) -> None:
    headers = {"Accept": "application/x-ndjson"}
    first, *pictures, last = lines_of(post(client, png(0), b"text", png(255), headers=headers))
    assert first["model"] == {"name": "digits", "version": 2, "label": None}
    assert [picture["index"] for picture in pictures] == [0, 1, 2]
    assert [picture.get("label") for picture in pictures] == ["0", None, "9"]
    assert (last["predictions"], set(last["timing_ms"])) == (3, {"decode", "queue", "predict"})  # type: ignore[call-overload]


def test_what_goes_wrong_before_the_first_line_has_its_status(client: Client) -> None:
    answer = post(client, png(0), model="nope", format="ndjson")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")


def test_what_goes_wrong_later_is_a_line(make_client: MakeClient, serving: FakeServing) -> None:
    client = make_client(VITRINE_MAX_BATCH="1", VITRINE_TIMEOUT_S="0.5")
    serving.models["digits"].latency_s = 0.2
    *_, last = lines_of(post(client, *[png(0)] * 12, format="ndjson"))
    assert last["error"]["code"] == "deadline_exceeded"  # type: ignore[index]


def test_a_version_that_goes_away_in_mid_stream_leaves_the_rest_to_another(
    make_client: MakeClient, serving: FakeServing
) -> None:
    client = make_client(VITRINE_MAX_BATCH="1")
    serving.models["digits"].latency_s = 0.1
    serving.models["digits"].cards[1] = card(labels=("dark", "light"))
    files = [("images", (f"{index}.png", png(0))) for index in range(30)]
    with requests.post(f"{client.url}/api/v1/classify?format=ndjson", files=files, stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        seen = [json.loads(next(lines)), json.loads(next(lines))]
        del serving.models["digits"].cards[2]
        seen += [json.loads(line) for line in lines]
    assert [line["model"]["version"] for line in seen if "model" in line] == [2, 1]
    told = [line["label"] for line in seen if "label" in line]
    assert len(told) == 30
    assert told == sorted(told)
    assert set(told) == {"0", "dark"}


@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_formats_are_negotiated(client: Client, accept: str) -> None:
    answer = post(client, png(0), headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(accept)


def test_a_format_that_is_not_given_gets_406(client: Client) -> None:
    answer = post(client, png(0), headers={"Accept": "application/xml"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "not_acceptable")
