"""What a caller may choose: the options of a classification, read from the query, a form or a JSON body.

All three give plain pairs of text, so that an option means the same wherever it stands. A name that is no option is
refused, not ignored: who misspells `top_k` or `min_probability` would otherwise get another answer than was asked for
and never know. The same goes for an option that is given twice and means two things.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, get_args
from urllib.parse import parse_qsl

from gateway.errors import BadOption
from gateway.versions.resolve import Wanted

Format = Literal["json", "csv", "ndjson", "html"]

# The field of a form, and the key of a JSON body, that holds the pictures.
IMAGES = "images"
MAX_TEXT = 200
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_DECIMAL = re.compile(r"\d*\.?\d+(e-?\d{1,3})?|\d+\.", re.ASCII | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# TensorFlow Serving's versions are int64.
_MAX_VERSION = 2**63 - 1
_MAX_TOP_K = 1_000_000
_MAX_FILENAME = 255
_MAX_QUERY_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller chose.

    Attributes:
        wanted: Model, and version or label.
        top_k: How many classes to name, all if None.
        explain: True for a heatmap of each picture.
        min_probability: Classes below it are not listed, 0 to 1; the most probable one is always named.
        format: The answer's format, before any Accept header; None leaves it to the header.
    """

    wanted: Wanted = field(default_factory=Wanted)
    top_k: int | None = None
    explain: bool = False
    min_probability: float = 0.0
    format: Format | None = None


_NOTHING_CHOSEN = Options()
OPTION_NAMES = tuple(sorted({known.name for known in (*fields(Wanted), *fields(Options))} - {"wanted"}))


def read_options(given: Mapping[str, str]) -> Options:
    """The options among named texts, as `gather` gives them; an empty text counts as not given. Raises BadOption."""
    if not given:
        return _NOTHING_CHOSEN
    for name in given:
        check_name(name)
    version, label = _number(given, "version", 0, _MAX_VERSION), _text(given, "label")
    if version is not None and label is not None:
        raise BadOption(f"Expected version or label. Received: version {version} and label {label!r}")
    return Options(
        wanted=Wanted(_text(given, "model"), version, label),
        top_k=_number(given, "top_k", 1, _MAX_TOP_K),
        explain=_flag(given, "explain"),
        min_probability=_share(given, "min_probability"),
        format=_format(given),
    )


def gather(*sources: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Pairs of several places as one mapping. Raises BadOption if two of them contradict each other."""
    gathered: dict[str, str] = {}
    for source in sources:
        for name, text in source:
            if gathered.setdefault(name, text) != text:
                values = f"{_shown(gathered[name])} and {_shown(text)}"
                raise BadOption(f"Expected {_shown(name)} once. Received: {values}")
    return gathered


def read_query(query: str | bytes) -> list[tuple[str, str]]:
    """The pairs of a URL's query, as it stands after the question mark. Raises BadOption if there are too many."""
    text = query.decode("latin-1") if isinstance(query, bytes) else query
    if not text:
        return []
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        raise BadOption(f"Expected at most {_MAX_QUERY_FIELDS} fields in the query. Received: more") from None


def check_name(name: str, *, file: bool = False) -> None:
    """Refuses the name of a field, or of a file's field, that nothing is known by.

    A form's parts are named before their content comes, so that a wrong one can be refused before it is uploaded.

    Raises:
        BadOption: With the known names, and the nearest of them if there is one.
    """
    known: Collection[str] = (IMAGES,) if file else OPTION_NAMES
    if name in known:
        return
    if file:
        raise BadOption(f"Expected files in the field '{IMAGES}'. Received: the field {_shown(name)}")
    if name == IMAGES:
        raise BadOption(f"Expected each part of '{IMAGES}' to be a file, with a filename. Received: text")
    near = difflib.get_close_matches(name[:MAX_TEXT], known, n=1)
    hint = f". Did you mean {near[0]}?" if near else ""
    raise BadOption(f"Expected the options {', '.join(OPTION_NAMES)}. Received: {_shown(name)}{hint}")


def clean_filename(name: str) -> str:
    """A file's name for answers and logs: no control characters, nothing that UTF-8 cannot say, at most 255 long."""
    return _CONTROL.sub("", name[:_MAX_FILENAME]).encode("utf-8", "replace").decode("utf-8")


def _shown(text: str) -> str:
    """Text of a stranger's for a message."""
    return repr(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")


def _text(given: Mapping[str, str], name: str) -> str | None:
    text = given.get(name, "").strip()
    if len(text) > MAX_TEXT:
        raise BadOption(f"Expected {name} of at most {MAX_TEXT} characters. Received: {len(text)}")
    if _CONTROL.search(text):
        raise BadOption(f"Expected {name} without control characters. Received: {text!r}")
    return text or None


def _number(given: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = _text(given, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadOption(f"Expected {name} to be a whole number, at least {low}. Received: {text!r}")
    return int(text)


def _share(given: Mapping[str, str], name: str) -> float:
    text = _text(given, name)
    if text is None:
        return 0.0
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not 0 <= value <= 1:
        raise BadOption(f"Expected {name} to be a number from 0 to 1. Received: {text!r}")
    return value


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = (_text(given, name) or "").lower()
    if text not in _TRUE | _FALSE:
        raise BadOption(f"Expected {name} to be true or false. Received: {text!r}")
    return text in _TRUE


def _format(given: Mapping[str, str]) -> Format | None:
    text = _text(given, "format")
    known: dict[str, Format] = {name: name for name in get_args(Format)}
    if text is not None and text not in known:
        raise BadOption(f"Expected format to be one of {', '.join(known)}. Received: {text!r}")
    return known[text] if text is not None else None
