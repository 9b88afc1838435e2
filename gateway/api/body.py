"""A request's body as it arrives: chunk by chunk, within its limits of size and time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

from gateway.api.request import Message, Receive, Request
from gateway.errors import BodyTooLarge, ClientGone, UploadStalled

# So long a client is waited for. Each so many bytes buy it another second, but never more than that in all: a byte now
# and then would else hold a place for ever.
STALL_S = 30.0
LEAST_BYTES_PER_S = 512


async def chunks(
    receive: Receive, headers: Mapping[str, str], max_bytes: int, hold: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """The body, never an empty chunk. Calls `hold` with the size of each, which may raise Busy.

    Raises:
        BodyTooLarge: It has, or says that it has, more than `max_bytes`. By its own word, before any of it is read.
        UploadStalled: Nothing came for `STALL_S`, or far too little for longer.
        ClientGone: The client hung up.
    """
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > max_bytes:
        raise BodyTooLarge(f"Expected at most {max_bytes:,} bytes in a request. Received: {int(said):,}")
    came = 0
    patience_s = STALL_S
    more = True
    while more:
        # Only what the client lets us wait counts, not what is done with its bytes in between.
        began = time.monotonic()
        message = await _next(receive, patience_s)
        patience_s -= time.monotonic() - began
        if message["type"] == "http.disconnect":
            raise ClientGone(f"The client hung up after {came:,} bytes of its request")
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        came += len(chunk)
        patience_s = min(STALL_S, patience_s + len(chunk) / LEAST_BYTES_PER_S)
        if came > max_bytes:
            raise BodyTooLarge(f"Expected at most {max_bytes:,} bytes in a request. Received: more")
        if chunk:
            hold(len(chunk))
            yield chunk


async def nothing() -> Message:
    """The body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def _next(receive: Receive, patience_s: float) -> Message:
    try:
        async with asyncio.timeout(patience_s):
            return await receive()
    except TimeoutError:
        raise UploadStalled(
            f"Expected a pause of at most {STALL_S:.0f} seconds, and {LEAST_BYTES_PER_S} bytes a second. Received: less"
        ) from None


async def whole(body: AsyncIterator[bytes]) -> bytearray:
    """All of a body. Raises as `chunks`."""
    gathered = bytearray()
    async for chunk in body:
        gathered += chunk
    return gathered


async def buffered(request: Request, max_bytes: int, hold: Callable[[int], None]) -> Receive:
    """The body as one message, for who would else hold a thread while a slow line delivers it. Raises as `chunks`."""
    body = await whole(chunks(request.receive, request.headers, max_bytes, hold))
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
