"""An error as an outcome, and as a reply for programs."""

from __future__ import annotations

import logging

from gateway.api.errors_json import error_json
from gateway.api.request import Reply
from gateway.errors import BUG, EveryImageBad, Outcome, headers_of, outcome_of
from gateway.observe.logs import FIELDS
from gateway.observe.record import RequestRecord

_log = logging.getLogger(__name__)


def tell(error: Exception, record: RequestRecord) -> Outcome:
    """How an error is told. Its code goes into the record; what only an operator may know goes into the log."""
    outcome = outcome_of(error)
    fields = {FIELDS: {"request_id": record.request_id}}
    if outcome is None:
        outcome = BUG
        _log.error("unexpected error", exc_info=error, extra=fields)
    elif outcome.status >= 500:
        _log.warning("%s: %s", type(error).__name__, error, extra=fields)
    record.code = outcome.code
    return outcome


def error_reply(error: Exception, record: RequestRecord) -> Reply:
    """The reply."""
    outcome = tell(error, record)
    refused = error.answer if isinstance(error, EveryImageBad) else None
    body = error_json(outcome, record.request_id, refused)
    return Reply(outcome.status, "application/json", body, headers_of(error, outcome))
