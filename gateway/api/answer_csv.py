"""An `Answer` as a table: RFC 4180, UTF-8, a header, one row for each picture in the upload's order.

Every row begins with filename, label, probability, known, error and message. Then, without `top_k`, a column for each
class of the card, ``probability:<label>``, and for each category of hierarchical labels, ``category:<name>``; with
`top_k`, the best classes side by side: label_1, probability_1, label_2 and so on. So one picture is one row either way,
and the columns depend on the card and the options alone, never on the pictures. What is not known stays empty.
"""

from __future__ import annotations

import csv
import io
import re
from functools import lru_cache

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.api.options import Options
from gateway.api.ranking import Hierarchy, hierarchy, listed
from gateway.classify.answer import Answer, Refusal, Result, Scores

# Headers that differ: a few versions of a few models, each with a few values of `top_k`.
_REMEMBERED = 64
_FIXED = ("filename", "label", "probability", "known", "error", "message")
# Spreadsheets run a cell that begins so as a formula, and some split cells at more than commas.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])")


def answer_csv(answer: Answer, options: Options) -> bytes:
    """The table, UTF-8 without a byte order mark."""
    file = io.StringIO()
    writer = csv.writer(file)
    labels = answer.card.labels
    upper = hierarchy(labels)
    header = _header(labels, options.top_k)
    writer.writerow(header)
    for upload, result in zip(answer.uploads, answer.results, strict=True):
        row = _row(upload.filename, result, labels, upper, options)
        writer.writerow(row + [""] * (len(header) - len(row)))
    return file.getvalue().encode("utf-8", "replace")


def harmless(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would take for the beginning of a formula."""
    return _FORMULA.sub(r"\1'", text)


@lru_cache(maxsize=_REMEMBERED)
def _header(labels: tuple[str, ...], top_k: int | None) -> list[str]:
    if top_k is not None:
        ranks = range(1, min(top_k, len(labels)) + 1)
        return [*_FIXED, *(f"{name}_{rank}" for rank in ranks for name in ("label", "probability"))]
    upper = hierarchy(labels)
    classes = [f"probability:{label}" for label in labels]
    categories = [f"category:{name}" for name in upper.names] if upper else []
    return [*_FIXED, *map(harmless, classes + categories)]


def _row(
    filename: str, result: Result, labels: tuple[str, ...], upper: Hierarchy | None, options: Options
) -> list[str]:
    if isinstance(result, Refusal):
        return [harmless(text) for text in (filename, "", "", "", result.code, result.message)]
    values = _numbers(result.probabilities)
    best = int(result.probabilities.argmax())
    known = "" if result.known is None else str(result.known).lower()
    fixed = [harmless(filename), harmless(labels[best]), values[best], known, "", ""]
    return fixed + _classes(result, values, labels, upper, options)


def _classes(
    scores: Scores, values: list[str], labels: tuple[str, ...], upper: Hierarchy | None, options: Options
) -> list[str]:
    shown = listed(scores.probabilities, options)
    if options.top_k is not None:
        return [cell for index in shown or () for cell in (harmless(labels[index]), values[index])]
    if shown is not None:
        kept = set(shown)
        values = [value if index in kept else "" for index, value in enumerate(values)]
    return values + (_numbers(upper.sums(scores.probabilities)) if upper else [])


def _numbers(values: NDArray[np.float32]) -> list[str]:
    """The shortest decimals that read back as the same float32."""
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].decode("ascii").split(",")
