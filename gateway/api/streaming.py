"""A classification as ndjson, sent while it is still going on."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.api.answer_lines import error_line, first_line, last_line, picture_line
from gateway.api.negotiate import CONTENT_TYPES
from gateway.api.options import Options
from gateway.api.request import Reply
from gateway.classify.answer import Answer
from gateway.classify.pipeline import Pictured
from gateway.errors import BUG, outcome_of
from gateway.observe.record import RequestRecord

_log = logging.getLogger(__name__)
_Items = AsyncGenerator[Pictured | Answer]


async def streamed(items: _Items, options: Options, record: RequestRecord) -> Reply:
    """The reply, once the first item is there: what goes wrong before that is an error like any other."""
    first = await anext(items)
    lines = _lines(first, items, options, record)
    record.begun = first.resolved
    return Reply(200, CONTENT_TYPES["ndjson"], lines)


async def _lines(
    item: Pictured | Answer | None, items: _Items, options: Options, record: RequestRecord
) -> AsyncGenerator[bytes]:
    async with aclosing(items):
        told = None
        index = 0
        try:
            while item is not None:
                if item.resolved != told:
                    told = item.resolved
                    yield first_line(told, record.request_id)
                if isinstance(item, Answer):
                    record.answer = item
                    yield last_line(item)
                else:
                    yield picture_line(index, item.filename, item.result, item.card.labels, options)
                    index += 1
                item = await anext(items, None)
        except Exception as error:
            # The status is out already: what is left is to say so in the stream, and to keep the reason.
            _log.warning("a stream broke: %s: %s", type(error).__name__, error)
            outcome = outcome_of(error) or BUG
            record.code = outcome.code
            yield error_line(outcome, record.request_id)
