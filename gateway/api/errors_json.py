"""Every error in its one shape."""

from __future__ import annotations

from gateway.api.answer_json import json_text, prediction_json, reason_json
from gateway.api.options import Options
from gateway.classify.answer import Answer
from gateway.errors import Outcome


def error_json(outcome: Outcome, request_id: str, refused: Answer | None = None) -> bytes:
    """The body of an error.

    Args:
        outcome: The error as HTTP tells it.
        request_id: The request's id.
        refused: If every picture was bad: what was found out about each, for ``predictions``.
    """
    pairs = zip(refused.uploads, refused.results, strict=True) if refused else ()
    items = [prediction_json(upload.filename, result, (), Options()) for upload, result in pairs]
    predictions = b'"predictions":[%b],' % b",".join(items) if items else b""
    reason = reason_json(outcome.code, outcome.message)
    return b'{"error":%b,%b"request_id":%b}' % (reason, predictions, json_text(request_id))
