"""Concurrent requests for one servable share a call to the model server.

There is no timer: while few calls are in flight pictures leave at once, else they gather and leave together when one
returns or a batch is full. So a lone request never waits, and the busier the server, the fuller the batches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.errors import InvalidRequest, ModelServerFault, Overloaded
from contract.messages import Metadata, ModelSpec, Prediction
from gateway.upstream.batches import Member, Part, Queue, metadata, split, stack
from gateway.upstream.model_server import Deadline, ModelServer

INPUT = "images"
OnCall = Callable[[str, int], None]
# A full batch has nothing to wait for; so many keep a server busy, and leave a small request soon its turn.
MAX_FULL_CALLS = 4
# Below it a call costs more than the model's work in it, and waiting for company pays; above it, a model server that
# waits for the next call is the greater loss.
LONG_CALL_S = 0.004
_SMOOTHING = 0.2
# What one member of a batch may bring upon the others.
_PERHAPS_ANOTHERS_FAULT = (InvalidRequest, ModelServerFault, Overloaded)


@dataclass(frozen=True)
class Coalesced:
    """The answer to one request.

    Attributes:
        prediction: Its outputs, one row a picture, in the pictures' order.
        waited_s: Seconds until its first picture left for the model server.
    """

    prediction: Prediction
    waited_s: float


class _Key(NamedTuple):
    spec: ModelSpec
    signature: str
    shape: tuple[int, ...]


class Coalescer:
    """Predicts pictures of concurrent requests together. For one event loop."""

    def __init__(
        self, client: ModelServer, *, max_batch: int, max_calls: int = 2, on_call: OnCall = lambda _model, _count: None
    ) -> None:
        """Asks nothing yet.

        Args:
            client: The model server.
            max_batch: Pictures in one call, at most.
            max_calls: Calls in flight for one servable, signature and picture size before pictures wait for company,
                if calls take long; while they are short it is one. With two, the model server never waits for the next.
            on_call: Is told the model and how many pictures, whenever a call leaves.
        """
        self._client = client
        self._on_call = on_call
        self._max_batch = max_batch
        self._max_calls = max_calls
        self._lanes: dict[_Key, _Lane] = {}

    @property
    def busy(self) -> bool:
        """True while the model server is asked, or pictures wait for that."""
        return any(not lane.idle for lane in self._lanes.values())

    async def predict(
        self,
        spec: ModelSpec,
        images: Sequence[NDArray[np.uint8]],
        *,
        signature: str,
        deadline: Deadline,
        request_id: str = "",
        trace: Metadata = (),
    ) -> Coalesced:
        """Runs a signature on a request's pictures.

        Args:
            spec: The servable.
            images: uint8 [H, W, C], one or more, all of one shape.
            signature: Its name.
            deadline: When this request gives up.
            request_id: Goes along as the metadata `x-request-id`.
            trace: Goes along with the call, unless another request in it has a trace of its own and came first.

        Raises:
            ValueError: No pictures, or of different shapes.
            ServingError: By what the model server did.
        """
        shapes = {image.shape for image in images}
        if len(shapes) != 1:
            raise ValueError(f"Expected pictures of one shape. Received: {sorted(shapes) or 'none'}")
        lane = self._lane(_Key(spec, signature, shapes.pop()))
        member = Member(images, deadline, request_id, lane.loop.create_future(), trace=trace)
        timer = lane.loop.call_later(deadline.left_s(), member.give_up)
        lane.join(member)
        try:
            prediction = await member.answer
        finally:
            timer.cancel()
            lane.leave(member)
        return Coalesced(prediction, member.waited_s)

    def _lane(self, key: _Key) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            # Versions come and go; the lanes of those that went have nothing to do any more.
            self._lanes = {other: lane for other, lane in self._lanes.items() if not lane.idle}
            lane = self._lanes[key] = _Lane(self._client, key, self._max_batch, self._max_calls, self._on_call)
        return lane


class _Lane:
    """The calls for one key, and who waits for them."""

    def __init__(self, client: ModelServer, key: _Key, max_batch: int, max_calls: int, on_call: OnCall) -> None:
        self.key = key
        self.loop = asyncio.get_running_loop()
        self._client = client
        self._on_call = on_call
        self._max_calls = max_calls
        self._queue = Queue(max_batch)
        self._calls: dict[asyncio.Task[list[Prediction]], list[Part]] = {}
        self._about_to_send = False
        self._call_s = 0.0

    @property
    def idle(self) -> bool:
        """True if nothing is in flight or about to be."""
        return not (self._calls or self._queue or self._about_to_send)

    @property
    def _may_send(self) -> bool:
        out = len(self._calls)
        most = self._max_calls if self._call_s > LONG_CALL_S else 1
        return out < most or (self._queue.full and out < max(self._max_calls, MAX_FULL_CALLS))

    def join(self, member: Member) -> None:
        """Takes a request in. Whoever comes in the same turn of the event loop leaves in the same call."""
        self._queue.join(member)
        if not self._about_to_send and self._may_send:
            self._about_to_send = True
            self.loop.call_soon(self._send)

    def leave(self, member: Member) -> None:
        """Forgets a request that was answered or given up, and ends the calls that nobody waits for any more."""
        if not member.answer.cancel() and not member.answer.cancelled():
            member.answer.exception()  # Seen, also where the waiting task was cancelled in the same moment.
        self._queue.leave(member)
        for call, parts in self._calls.items():
            if not any(part.wanted for part in parts):
                call.cancel()

    def _send(self) -> None:
        self._about_to_send = False
        while self._queue and self._may_send:
            parts = self._queue.take()
            call = self.loop.create_task(self._ask(parts))
            self._calls[call] = parts
            call.add_done_callback(self._returned)

    async def _ask(self, parts: Sequence[Part]) -> list[Prediction]:
        batch, began = stack(parts), time.monotonic()
        self._on_call(self.key.spec.name, len(batch))
        prediction = await self._client.predict(
            self.key.spec,
            {INPUT: batch},
            signature=self.key.signature,
            # Every member watches its own deadline; the call itself may take as long as the most patient one waits.
            timeout_s=max(part.member.deadline.at_s for part in parts) - time.monotonic(),
            metadata=metadata(parts),
        )
        self._call_s += _SMOOTHING * (time.monotonic() - began - self._call_s)
        return split(prediction, parts)

    def _returned(self, call: asyncio.Task[list[Prediction]]) -> None:
        parts = self._calls.pop(call)
        error = asyncio.CancelledError() if call.cancelled() else call.exception()
        again = len(parts) > 1 and isinstance(error, _PERHAPS_ANOTHERS_FAULT)
        if again:
            self._queue.again_alone(part for part in parts if part.wanted)
        # The next call leaves before anybody works on these answers.
        self._send()
        if error is None:
            for part, piece in zip(parts, call.result(), strict=True):
                part.member.keep(part, piece)
        elif not again:
            for part in parts:
                part.member.fail(error)
