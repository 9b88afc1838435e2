"""JSON as RapidJSON reads it: what it accepts, and its words and offsets for what it does not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.model_server.errors import InvalidArgument
from serving.model_server.rest import syntax
from serving.model_server.rest.json_request import parse


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty. at offset: 2"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": [1, 2}', "Missing a comma or ] after an array element. at offset: 11"),
        (b'{"a": "]" "b"}', "Missing a comma or } after an object member. at offset: 10"),
        (b'{"a": 1} x', "The document root must not be followed by other values. at offset: 9"),
        (b"{nonsense}", "Missing a name for object member. at offset: 1"),
        (b'{"a": 1,}', "Missing a name for object member. at offset: 8"),
        (b'{"a": [1,]}', "Invalid value. at offset: 9"),
        (b'{"a": tru}', "Invalid value. at offset: 9"),
        (b'{"a": nil}', "Invalid value. at offset: 7"),
        ('{"é": x}'.encode(), "Invalid value. at offset: 7"),
        (b"\xef\xbb\xbf{x", "Missing a name for object member. at offset: 4"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 8"),
        (b'{"a": "\n"}', "Invalid encoding in string. at offset: 7"),
        (rb'{"a": "\x"}', "Invalid escape character in string. at offset: 7"),
        (rb'{"a": "\u12g4"}', "Incorrect hex digit after \\u escape in string. at offset: 7"),
        (rb'{"a": "\ud83d"}', "The surrogate pair in string is invalid. at offset: 7"),
        (rb'{"a": "\ud83d\u0041"}', "The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": 1.}', "Miss fraction part in number. at offset: 8"),
        (b'{"a": 1e}', "Miss exponent in number. at offset: 8"),
        (b'{"a": -}', "Invalid value. at offset: 7"),
        (b'{"a": 01}', "Missing a comma or } after an object member. at offset: 7"),
        (b'{"a": 1e999', "Number too big to be stored in double. at offset: 6"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Number too big to be stored in double. at offset: 6"),
        (b'{"a": Infinite}', "Invalid value. at offset: 13"),
        (b'{"a": Nan}', "Invalid value. at offset: 8"),
        (b"[" * 100_000, "The document is nested too deep. at offset: 200"),
    ],
)
def test_bad_syntax_is_told_with_its_offset_in_bytes(body: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse(body)
    assert str(refusal.value) == f"JSON Parse error: {message}"


def test_good_constants_beyond_those_of_python() -> None:
    values = parse(b'{"a": [Inf, -Inf, Infinity, -NaN, 1E+2, -0.5e-1]}\0 what follows a zero is not read').members["a"]
    assert values[:3] == [math.inf, -math.inf, math.inf]
    assert math.isnan(values[3])
    assert values[4:] == [100.0, -0.05]


def test_of_members_with_the_same_name_the_first_counts() -> None:
    body = b'{"a": [{"b": 1, "c": 2, "b": 3}], "a": 4}'
    assert syntax.parse(body) == parse(body).members == {"a": [{"b": 1, "c": 2}]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'1.5, -2e+3,\n0, "a" 1', "Missing a comma or ] after an array element. at offset: 70020"),
        (b"1, 1e999, 2", "Number too big to be stored in double. at offset: 70004"),
        (b"1, " + b"9" * 310 + b", 2", "Number too big to be stored in double. at offset: 70004"),
        (b"1, 01, 2", "Missing a comma or ] after an array element. at offset: 70005"),
        (b"1, 2,", "Invalid value. at offset: 70006"),
    ],
)
def test_bad_syntax_in_long_rows_of_numbers_is_found_as_exactly(row: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        syntax.parse(b"[" + b"1.25,1," * 10_000 + row + b"]")
    assert str(refusal.value) == f"JSON Parse error: {message}"


def test_bad_syntax_behind_more_values_than_anybody_waits_for_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(syntax, "_MOST_VALUES", 3)
    assert syntax.parse(b'["a", "b"]') == ["a", "b"]
    with pytest.raises(InvalidArgument, match=r"^JSON Parse error: The document has too many values\. at offset: 11$"):
        syntax.parse(b'["a", "b", "c"]')


JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_both_parsers_read_the_same_from_every_document(value: Any, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    assert syntax.parse(body) == json.loads(body)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\u0189dDeE+-.naNInfity \n', max_size=30))
def test_any_text_is_read_or_refused_and_both_parsers_agree(text: str) -> None:
    body = text.encode()
    refused = (refusal_of(syntax.parse, body), refusal_of(parse, body))
    assert refused[0] in ("", refused[1])
    assert refused[0] or refused[1] == "" or refused[1].endswith(" Is not object")
    if not refused[1]:
        assert repr(parse(body).members) == repr(syntax.parse(body))


def refusal_of(read: Callable[[bytes], object], body: bytes) -> str:
    try:
        read(body)
    except InvalidArgument as refusal:
        return str(refusal)
    return ""
