"""A request's files and options, read from multipart form fields or the query."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request

from gateway.classify.decoding import Upload
from gateway.errors import BadOption, NoImage
from gateway.versions.resolve import Wanted

FIELD = "images"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
# TensorFlow Serving's versions are int64.
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Options:
    """What a caller chose.

    Attributes:
        wanted: Model, and version or label.
        top_k: How many classes to name, all if None.
        explain: True for a heatmap of each picture.
    """

    wanted: Wanted
    top_k: int | None = None
    explain: bool = False


def read_uploads() -> list[Upload]:
    """The files of the field `images`, in the order of the request. Raises NoImage, naming what came instead."""
    files = request.files.getlist(FIELD)
    # A form that is sent with nothing chosen holds one nameless, empty file.
    uploads = [Upload(_CONTROL.sub("", file.filename)[:255], file.read()) for file in files if file.filename]
    if not uploads:
        came = ", ".join(sorted({*request.files, *request.form} - {FIELD})[:5]) or "nothing"
        raise NoImage(f"Expected at least one picture in the multipart field '{FIELD}'. Received: {came}")
    return uploads


def read_options() -> Options:
    """The options, from form fields or the query. Raises BadOption."""
    version, label = _number("version", 0, _MAX_VERSION), _text("label")
    if version is not None and label is not None:
        raise BadOption(f"Expected version or label. Received: version {version} and label {label!r}")
    wanted = Wanted(_text("model"), version, label)
    return Options(wanted, _number("top_k", 1, 1_000_000), _flag("explain"))


def _text(name: str) -> str | None:
    value = request.values.get(name, "").strip()
    if len(value) > 200:
        raise BadOption(f"Expected {name} of at most 200 characters. Received: {len(value)}")
    return value or None


def _number(name: str, low: int, high: int) -> int | None:
    text = _text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadOption(f"Expected {name} to be a whole number, at least {low}. Received: {text!r}")
    return int(text)


def _flag(name: str) -> bool:
    text = request.values.get(name, "").strip().lower()
    if text not in _TRUE | _FALSE:
        raise BadOption(f"Expected {name} to be true or false. Received: {text!r}")
    return text in _TRUE
