"""An `Answer` as the JSON of the HTTP contract.

The probabilities are written by orjson straight from the float32 array, as the shortest decimals that read back as the
same float32, and then set between the labels, which are written once for each card.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.api.heatmaps import heatmap_uri
from gateway.api.options import Options
from gateway.api.ranking import hierarchy, listed
from gateway.classify.answer import Answer, Refusal, Result, Scores
from gateway.versions.resolve import Resolved

_REMEMBERED = 64


class _Labels(NamedTuple):
    """A card's labels, written.

    Attributes:
        names: As JSON strings.
        keys: The same, each with a colon.
        whole: The object of all of them, with a %b for each value.
    """

    names: list[bytes]
    keys: list[bytes]
    whole: bytes


def answer_json(answer: Answer, options: Options, request_id: str) -> bytes:
    """The whole body of ``POST /api/v1/classify``, UTF-8."""
    pairs = zip(answer.uploads, answer.results, strict=True)
    items = [prediction_json(upload.filename, result, answer.card.labels, options) for upload, result in pairs]
    return b'{"model":%b,"predictions":[%b],"request_id":%b,"timing_ms":%b}' % (
        model_json(answer.resolved),
        b",".join(items),
        json_text(request_id),
        timing_json(answer),
    )


def prediction_json(
    filename: str, result: Result, labels: tuple[str, ...], options: Options, index: int | None = None
) -> bytes:
    """One picture's object, beginning with its place in the request if `index` is given."""
    head = b'"filename":%b' % json_text(filename)
    if index is not None:
        head = b'"index":%d,' % index + head
    if isinstance(result, Refusal):
        return b'{%b,"error":%b}' % (head, reason_json(result.code, result.message))
    return b"{%b,%b}" % (head, b",".join(_scores(result, labels, options)))


def model_json(resolved: Resolved) -> bytes:
    """Who answers."""
    return orjson.dumps({"name": resolved.model, "version": resolved.version, "label": resolved.label})


def timing_json(answer: Answer) -> bytes:
    """Where the time went, in milliseconds."""
    times = {"decode": answer.decode_ms, "queue": answer.queue_ms, "predict": answer.predict_ms}
    return orjson.dumps({name: round(value, 2) for name, value in times.items()})


def reason_json(code: str, message: str) -> bytes:
    """What went wrong: a stable code for programs, a message for people."""
    return b'{"code":%b,"message":%b}' % (json_text(code), json_text(message))


def json_text(text: str) -> bytes:
    """A string, written; what UTF-8 cannot say becomes question marks."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return orjson.dumps(text.encode("utf-8", "replace").decode("utf-8"))


def _scores(scores: Scores, labels: tuple[str, ...], options: Options) -> Iterable[bytes]:
    """The members of a classified picture's object."""
    written, values = _labels(labels), _numbers(scores.probabilities)
    best = int(scores.probabilities.argmax())
    yield b'"label":%b,"probability":%b' % (written.names[best], values[best])
    if scores.known is not None:
        yield b'"known":true' if scores.known else b'"known":false'
    shown = listed(scores.probabilities, options)
    if shown is None:
        yield b'"probabilities":' + written.whole % tuple(values)
    else:
        yield b'"probabilities":{%b}' % b",".join([written.keys[index] + values[index] for index in shown])
    upper = hierarchy(labels)
    if upper is not None:
        sums = _numbers(upper.sums(scores.probabilities))
        yield b'"categories":' + _labels(upper.names).whole % tuple(sums)
    if scores.heatmap is not None:
        yield b'"heatmap":%b' % json_text(heatmap_uri(scores.heatmap))


def _numbers(values: NDArray[np.float32]) -> list[bytes]:
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


@lru_cache(maxsize=_REMEMBERED)
def _labels(labels: tuple[str, ...]) -> _Labels:
    names = [json_text(label) for label in labels]
    keys = [name + b":" for name in names]
    return _Labels(names, keys, b"{%b}" % b",".join(key.replace(b"%", b"%%") + b"%b" for key in keys))
