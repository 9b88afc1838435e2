"""A classification asked for in JSON: pictures in base64, options beside them.

    {"images": [{"b64": "iVBORw0…", "filename": "a.png"}, "iVBORw0…", "data:image/png;base64,iVBORw0…"], "top_k": 3}

What is wrong with one picture is that picture's own refusal; what is wrong with the body as a whole fails the request.
Of a key that stands twice in an object, the last counts.
"""

from __future__ import annotations

import binascii
from typing import NamedTuple

import orjson

from gateway.api.options import IMAGES, MAX_TEXT, clean_filename
from gateway.classify.answer import Refusal
from gateway.errors import BadBody, BadOption, NoImage, TooManyImages

BAD_BASE64 = "bad_base64"
BAD_ENTRY = "bad_entry"
FILE_TOO_LARGE = "file_too_large"

_FORM = f'{{"{IMAGES}": [{{"b64": "…", "filename": "a.png"}}, …], "model": "…", …}}'
_KEYS = {"b64", "filename"}
# Values, lists and objects in a body: what a picture's entry needs, and then some for commas in names.
_MARKS_PER_PICTURE, _MARKS_BESIDE = 64, 1024
_REASONS = {
    "Incorrect padding": "its padding of '=' is incomplete",
    "Leading padding not allowed": "it begins with '='",
    "Excess data after padding": "something follows its last '='",
    "Discontinuous padding not allowed": "there is a '=' in its middle",
    "Only base64 data is allowed": "it holds characters other than A-Z a-z 0-9 + / =",
}


class Picture(NamedTuple):
    """A picture of a request: its name, and its bytes or the reason why there are none."""

    filename: str
    content: bytes | Refusal


class JsonRequest(NamedTuple):
    """What a JSON body asks: its pictures in their order, and its options as texts, for `read_options`."""

    pictures: list[Picture]
    options: dict[str, str]


def read_json(body: bytes | bytearray, *, max_files: int, max_file_bytes: int) -> JsonRequest:
    """Reads a body of ``application/json``.

    Args:
        body: All of it, UTF-8.
        max_files: How many pictures there may be.
        max_file_bytes: How many bytes each may have; a larger one is refused before it is decoded.

    Raises:
        BadBody: Not JSON, not an object, or far more values than a request can need.
        BadOption: An option is neither text nor number nor truth value.
        NoImage, TooManyImages: By the length of the list.
    """
    request = _parse(body, max_files)
    images = request.pop(IMAGES, None)
    if images is None or images == []:
        came = ", ".join(sorted(request)[:5])[:MAX_TEXT] or "nothing"
        raise NoImage(f"Expected at least one picture in the list '{IMAGES}'. Received: {came}")
    if not isinstance(images, list):
        raise BadBody(f"Expected '{IMAGES}' to be a list. Received: {_kind(images)}")
    if len(images) > max_files:
        raise TooManyImages(f"Expected at most {max_files} pictures. Received: {len(images)}")
    options = {name: _option(name, value) for name, value in request.items() if value is not None}
    return JsonRequest([_picture(entry, index, max_file_bytes) for index, entry in enumerate(images)], options)


def _parse(body: bytes | bytearray, max_files: int) -> dict[str, object]:
    # Three bytes of "[]," become a hundred in memory: count what makes values before any is made.
    marks = body.count(b",") + body.count(b"[") + body.count(b"{")
    if marks > _MARKS_PER_PICTURE * max_files + _MARKS_BESIDE:
        raise BadBody(f"Expected JSON of the form {_FORM}. Received: far more values than {max_files} pictures need")
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"Expected JSON of the form {_FORM}. Received: {error}") from None
    if not isinstance(request, dict):
        raise BadBody(f"Expected JSON of the form {_FORM}. Received: {_kind(request)}")
    return request


def _option(name: str, value: object) -> str:
    """An option's value as the text that a form would have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise BadOption(f"Expected {name[:MAX_TEXT]!r} to be text, a number, true or false. Received: {_kind(value)}")


def _picture(entry: object, index: int, max_bytes: int) -> Picture:
    filename = f"{IMAGES}[{index}]"
    if isinstance(entry, str):
        return Picture(filename, _decoded(entry, max_bytes))
    if not isinstance(entry, dict):
        return Picture(filename, Refusal(BAD_ENTRY, f"Expected base64 text or an object. Received: {_kind(entry)}"))
    name, text = entry.get("filename"), entry.get("b64")
    if isinstance(name, str):
        filename = clean_filename(name) or filename
    if not (isinstance(text, str) and isinstance(name, str | None) and entry.keys() <= _KEYS):
        came = ", ".join(f"{str(key)[:40]!r} ({_kind(value)})" for key, value in list(entry.items())[:5]) or "nothing"
        message = f"Expected 'b64' (a string), and perhaps 'filename' (a string). Received: {came}"
        return Picture(filename, Refusal(BAD_ENTRY, message))
    return Picture(filename, _decoded(text, max_bytes))


def _decoded(text: str, max_bytes: int) -> bytes | Refusal:
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            return Refusal(BAD_BASE64, f"Expected a URI of the form data:image/png;base64,…. Received: {head[:80]!r}")
    # Four characters for each three bytes, so that nothing large is decoded only to be refused.
    size = len(text) * 3 // 4 - text[-2:].count("=")
    if size > max_bytes:
        return Refusal(FILE_TOO_LARGE, f"Expected at most {max_bytes:,} bytes. Received: {size:,}")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        reason = _REASONS.get(str(error), "its length or its characters are not those of base64")
        return Refusal(BAD_BASE64, f"Expected base64 without line breaks (RFC 4648, section 4). Received: {reason}")


def _kind(value: object) -> str:
    """The JSON kind of a value, for messages."""
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    return kinds.get(type(value), "null" if value is None else "a number")
