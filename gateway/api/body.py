"""A request's body as it arrives: chunk by chunk, within its limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from gateway.api.request import Message, Receive, Request
from gateway.errors import BodyTooLarge, ClientGone, UploadStalled

# A line that is silent for so long is given up. A slow one is not: each byte begins the wait anew.
STALL_S = 30.0


async def chunks(
    receive: Receive, headers: Mapping[str, str], max_bytes: int, hold: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """The body, never an empty chunk. Calls `hold` with the size of each, which may raise Busy.

    Raises:
        BodyTooLarge: It has, or says that it has, more than `max_bytes`. By its own word, before any of it is read.
        UploadStalled: Nothing came for `STALL_S`.
        ClientGone: The client hung up.
    """
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > max_bytes:
        raise BodyTooLarge(f"Expected at most {max_bytes:,} bytes in a request. Received: {int(said):,}")
    came = 0
    more = True
    while more:
        message = await _next(receive)
        if message["type"] == "http.disconnect":
            raise ClientGone(f"The client hung up after {came:,} bytes of its request")
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        came += len(chunk)
        if came > max_bytes:
            raise BodyTooLarge(f"Expected at most {max_bytes:,} bytes in a request. Received: more")
        if chunk:
            hold(len(chunk))
            yield chunk


async def nothing() -> Message:
    """The body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def _next(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(STALL_S):
            return await receive()
    except TimeoutError:
        raise UploadStalled(f"Nothing of the request arrived for {STALL_S:.0f} seconds") from None


async def buffered(request: Request, max_bytes: int, hold: Callable[[int], None]) -> Receive:
    """The body as one message, for who would else hold a thread while a slow line delivers it. Raises as `chunks`."""
    whole = b"".join([chunk async for chunk in chunks(request.receive, request.headers, max_bytes, hold)])
    messages: list[Message] = [{"type": "http.request", "body": whole, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
