"""What a request asks: its options, and its pictures as they arrive, whichever way they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import cast

from gateway.api.body import chunks, whole
from gateway.api.json_body import JsonRequest, read_json
from gateway.api.multipart import Form
from gateway.api.options import Options, gather, read_options, read_query
from gateway.api.request import Request
from gateway.classify.answer import Refusal, Upload
from gateway.classify.job import Arriving, at_once
from gateway.errors import UnsupportedBody
from gateway.settings.settings import Settings

# A body of so many bytes takes milliseconds, which nobody else should wait for. One after the other, for while one is
# read its pictures are there up to three times.
_LARGE_BYTES = 1 << 20
_READER = ThreadPoolExecutor(1, thread_name_prefix="json")


@dataclass(slots=True)
class Asked:
    """A request's options so far, and its pictures.

    Attributes:
        arriving: The pictures; raises OptionsChanged where a form has further options behind them.
        options: What the query and the form's fields before the pictures say.
    """

    arriving: Arriving
    options: Options
    _query: list[tuple[str, str]]
    _form: Form | None = None

    async def to_the_end(self) -> tuple[Sequence[Upload], Options]:
        """All pictures of a form, and the options that all of its fields say. Only a form has options behind them."""
        form = cast("Form", self._form)
        uploads = await form.rest()
        return uploads, read_options(gather(self._query, form.fields))


async def read_request(request: Request, settings: Settings, hold: Callable[[int], None]) -> Asked:
    """Reads as much of a request as it takes to begin.

    Args:
        request: Its body is multipart/form-data or application/json.
        settings: The limits.
        hold: Takes note of the bytes of each chunk before they are kept; may refuse them.

    Raises:
        GatewayError: Its kinds for what makes no sense, is too large, or does not arrive.
    """
    query = read_query(request.query)
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    body = chunks(request.receive, request.headers, settings.max_body_bytes, hold)
    if kind == "multipart/form-data":
        form = Form(body, content_type, max_files=settings.max_files)
        await form.read_fields()
        return Asked(form.arriving(), read_options(gather(query, form.fields)), query, form)
    if kind == "application/json":
        read = await _parsed(await whole(body), settings)
        options = read_options(gather(query, read.options.items()))
        return Asked(at_once([_upload(name, content) for name, content in read.pictures]), options, query)
    raise UnsupportedBody(f"Expected multipart/form-data or application/json. Received: {content_type[:100] or 'none'}")


async def _parsed(body: bytearray, settings: Settings) -> JsonRequest:
    read = partial(read_json, body, max_files=settings.max_files, max_file_bytes=settings.max_file_bytes)
    if len(body) < _LARGE_BYTES:
        return read()
    return await asyncio.get_running_loop().run_in_executor(_READER, read)


def _upload(filename: str, content: bytes | Refusal) -> Upload:
    return Upload(filename, b"", content) if isinstance(content, Refusal) else Upload(filename, content)
