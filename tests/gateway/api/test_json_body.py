"""Requests in JSON: pictures in base64, each bad one refused alone."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.json_body import JsonRequest, read_json
from gateway.classify.answer import Refusal
from gateway.errors import BadBody, GatewayError, NoImage, TooManyImages
from tests.gateway.conftest import png

LIMITS = {"max_files": 4, "max_file_bytes": 1000}
PNG = png(0)
TEXT = base64.b64encode(PNG).decode()


def read(body: Any) -> JsonRequest:
    return read_json(body if isinstance(body, bytes) else json.dumps(body).encode(), **LIMITS)


def only_refusal(entry: Any) -> Refusal:
    """The refusal of one entry, between two good pictures that it does not harm."""
    first, bad, last = read({"images": [TEXT, entry, TEXT]}).pictures
    assert (first.content, last.content) == (PNG, PNG)
    assert isinstance(bad.content, Refusal)
    return bad.content


def test_pictures_come_as_objects_as_base64_and_as_data_uris() -> None:
    entries = [{"b64": TEXT, "filename": "a.png"}, {"b64": TEXT}, TEXT, f"data:image/png;base64,{TEXT}"]
    pictures = read({"images": entries}).pictures
    assert [picture.filename for picture in pictures] == ["a.png", "images[1]", "images[2]", "images[3]"]
    assert {picture.content for picture in pictures} == {PNG}


def test_options_stand_beside_the_pictures_as_text_number_or_truth_value() -> None:
    body = {"images": [TEXT], "model": "digits", "top_k": 3, "explain": True, "min_probability": 0.25, "label": None}
    options = {"model": "digits", "top_k": "3", "explain": "true", "min_probability": "0.25"}
    assert read(body).options == options


@pytest.mark.parametrize(
    ("entry", "code", "told"),
    [
        (TEXT[:-1], "bad_base64", "padding"),
        (TEXT[:40] + "\n" + TEXT[40:], "bad_base64", "characters other than"),
        (TEXT.replace("g", "-"), "bad_base64", "characters other than"),
        ("=" + TEXT, "bad_base64", "begins with '='"),
        (TEXT + "QQ==" if TEXT.endswith("=") else "QQ==QQ==", "bad_base64", "="),
        ("ä" * 8, "bad_base64", "RFC 4648"),
        ({"b64": "A" * 2000}, "file_too_large", "Expected at most 1,000 bytes. Received: 1,500"),
        ("data:image/png,abc", "bad_base64", "Received: 'data:image/png'"),
        ("data:image/png;base64", "bad_base64", "of the form data:image/png;base64"),
        (7, "bad_entry", "Received: a number"),
        (None, "bad_entry", "Received: null"),
        ([TEXT], "bad_entry", "Received: a list"),
        ({}, "bad_entry", "Received: nothing"),
        ({"b64": True}, "bad_entry", "'b64' (a truth value)"),
        ({"b64": TEXT, "filename": {}}, "bad_entry", "'filename' (an object)"),
        ({"base64": TEXT}, "bad_entry", "Received: 'base64' (a string)"),
    ],
)
def test_what_is_wrong_with_one_picture_is_its_own_refusal(entry: Any, code: str, told: str) -> None:
    refusal = only_refusal(entry)
    assert refusal.code == code
    assert told in refusal.message


def test_a_file_of_just_the_largest_size_is_decoded() -> None:
    for size in (998, 999, 1000):
        text = base64.b64encode(bytes(size)).decode()
        assert read({"images": [text]}).pictures[0].content == bytes(size)
    assert only_refusal(base64.b64encode(bytes(1001)).decode()).code == "file_too_large"


def test_an_empty_picture_is_left_to_the_decoder_which_says_so() -> None:
    assert read({"images": [""]}).pictures[0].content == b""


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (b"", BadBody, "Expected JSON of the form"),
        (b"{", BadBody, "Received: "),
        (b"[]", BadBody, "Received: a list"),
        (b'{"images": NaN}', BadBody, "Expected JSON"),
        (b'{"images": "\xff"}', BadBody, "Expected JSON"),
        (b'{"images": ["\\ud800"]}', BadBody, "Expected JSON"),
        ({"images": {}}, BadBody, "Expected 'images' to be a list. Received: an object"),
        ({"images": []}, NoImage, "Received: nothing"),
        ({"image": [TEXT], "top_k": 1}, NoImage, "Received: image, top_k"),
        ({"images": [TEXT] * 5}, TooManyImages, "at most 4 pictures. Received: 5"),
        ({"images": [TEXT], "top_k": [1]}, GatewayError, "'top_k' to be text, a number, true or false"),
    ],
)
def test_what_is_wrong_with_the_body_fails_the_request(body: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        read(body)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b'{"images": ' + b"[" * 100_000,
        b'{"images": ' + b"[" * 1030 + b"]" * 1030 + b"}",
        b'{"images": [' + b"[]," * 100_000 + b"[]]}",
        b'{"images": ["AA=="], "top_k": 1' + b"0" * 1000 + b"}",
        b'{"images": ["AA=="], "top_k": 1e999}',
        b'{"images": ["AA=="], "top_k": 1, "top_k": {}}',
    ],
    ids=["open", "deep", "wide", "digits", "exponent", "twice"],
)
def test_json_made_to_harm_is_refused_or_read_harmlessly(body: bytes) -> None:
    with suppress(GatewayError):
        assert set(read(body).options) == {"top_k"}


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert read(b'{"images": ["AA=="], "top_k": 1, "top_k": 2}').options == {"top_k": "2"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["b64", "filename", "x"]), inner),
)


@given(st.dictionaries(st.sampled_from(["images", "top_k", "model"]), JSON) | JSON)
def test_any_json_is_either_read_or_refused(value: Any) -> None:
    try:
        body = orjson.dumps(value)
    except TypeError:
        return
    try:
        request = read(body)
    except GatewayError:
        return
    assert len(request.pictures) == len(value["images"])
    assert all(isinstance(text, str) for text in request.options.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_either_read_or_refused(body: bytes) -> None:
    with pytest.raises(GatewayError):
        read(body)
