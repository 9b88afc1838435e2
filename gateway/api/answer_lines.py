"""An answer as ndjson, one JSON object a line, each as soon as it is known.

The first line says who answers: ``model`` and ``request_id``. It comes again where another version takes over. Then
comes a line for each picture, in the order of the request: that of the JSON answer, with its ``index``. The last line
has ``timing_ms`` and the number of ``predictions``; or ``error``, if something broke after the first line had gone out
with its status. An answer that breaks off without either is incomplete.
"""

from __future__ import annotations

from gateway.api.answer_json import json_text, model_json, prediction_json, timing_json
from gateway.api.errors_json import error_json
from gateway.api.options import Options
from gateway.classify.answer import Answer, Result
from gateway.errors import Outcome
from gateway.versions.resolve import Resolved


def first_line(resolved: Resolved, request_id: str) -> bytes:
    """Who answers."""
    return b'{"model":%b,"request_id":%b}\n' % (model_json(resolved), json_text(request_id))


def picture_line(index: int, filename: str, result: Result, labels: tuple[str, ...], options: Options) -> bytes:
    """One picture: `index` is its place in the request, from 0."""
    return prediction_json(filename, result, labels, options, index) + b"\n"


def last_line(answer: Answer) -> bytes:
    """That all is there, and where the time went."""
    return b'{"predictions":%d,"timing_ms":%b}\n' % (len(answer.results), timing_json(answer))


def error_line(outcome: Outcome, request_id: str) -> bytes:
    """Why the answer ends before its time: in the place of the last line."""
    return error_json(outcome, request_id) + b"\n"
