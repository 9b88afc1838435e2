"""Pictures of several requests in one batch: who waits, what goes into the next call, whose answer is whose.

Nothing here waits or asks anybody; `gateway.upstream.coalescer` does.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import DeadlineExceeded, ModelServerFault
from contract.messages import Metadata, Prediction
from gateway.upstream.model_server import Deadline

# gRPC refuses 8 KB of metadata; a few ids are enough to find a call in the logs.
MAX_REQUEST_IDS_CHARS = 1024


@dataclass(eq=False)
class Member:
    """One request for pictures: how many have left already, and the answers that have come back.

    Attributes:
        images: uint8 [H, W, C] each.
        deadline: When it gives up.
        request_id: For the logs of the model server; empty for none.
        answer: Done as soon as every picture is answered, one call failed, or nobody waits any more.
        waited_s: Seconds until its first picture left.
        trace: gRPC metadata that say which trace it belongs to.
    """

    images: Sequence[NDArray[np.uint8]]
    deadline: Deadline
    request_id: str
    answer: asyncio.Future[Prediction]
    waited_s: float = 0.0
    trace: Metadata = ()
    _next: int = 0
    _answered: int = 0
    _pieces: dict[int, Prediction] = field(default_factory=dict)
    _since_s: float = field(default_factory=time.monotonic)

    @property
    def waiting(self) -> int:
        """How many of its pictures have not left."""
        return len(self.images) - self._next

    def take(self, most: int) -> Part:
        """Its next pictures, at most so many; they count as gone."""
        if self._next == 0:
            self.waited_s = time.monotonic() - self._since_s
        part = Part(self, self._next, min(len(self.images), self._next + most))
        self._next = part.stop
        return part

    def give_up(self) -> None:
        """Ends the wait because its time is up."""
        self.fail(DeadlineExceeded("The model server did not answer in time"))

    def fail(self, error: BaseException) -> None:
        """Ends the wait with an error."""
        if self.answer.done():
            return
        if isinstance(error, asyncio.CancelledError):
            self.answer.cancel()
        else:
            self.answer.set_exception(error)

    def keep(self, part: Part, piece: Prediction) -> None:
        """Notes the answer to one part; the last one completes the member's."""
        if self.answer.done():
            return
        self._pieces[part.start] = piece
        self._answered += part.size
        if self._answered == len(self.images):
            try:
                self.answer.set_result(_joined([self._pieces[start] for start in sorted(self._pieces)]))
            except ModelServerFault as error:
                self.answer.set_exception(error)


@dataclass(frozen=True, eq=False)
class Part:
    """The pictures `start` to `stop` of a member.

    Attributes:
        alone: True if they must not share a call again.
    """

    member: Member
    start: int
    stop: int
    alone: bool = False

    @property
    def size(self) -> int:
        """How many pictures."""
        return self.stop - self.start

    @property
    def wanted(self) -> bool:
        """True while somebody waits for them."""
        return not self.member.answer.done()


class Queue:
    """Members in the order of their coming, each with a turn a batch so that none blocks the others."""

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch
        self._waiting = 0
        self._members: deque[Member] = deque()
        self._alone: deque[Part] = deque()

    def __bool__(self) -> bool:
        return bool(self._members or self._alone)

    @property
    def full(self) -> bool:
        """True if the next call gains nothing by waiting for more pictures."""
        return self._waiting >= self._max_batch

    def join(self, member: Member) -> None:
        """Waits for its turn."""
        self._members.append(member)
        self._waiting += member.waiting

    def again_alone(self, parts: Iterable[Part]) -> None:
        """Puts parts of a failed call first, each for a call of its own."""
        self._alone.extend(Part(part.member, part.start, part.stop, alone=True) for part in parts)

    def leave(self, member: Member) -> None:
        """Forgets a member and its pictures."""
        if member.waiting and member in self._members:
            self._members.remove(member)
            self._waiting -= member.waiting
        if self._alone:
            self._alone = deque(part for part in self._alone if part.member is not member)

    def take(self) -> list[Part]:
        """The parts of the next call, together at most `max_batch` pictures; empty if nobody waits."""
        if self._alone:
            return [self._alone.popleft()]
        parts: list[Part] = []
        room = self._max_batch
        while room and self._members:
            member = self._members.popleft()
            parts.append(member.take(room))
            room -= parts[-1].size
            self._waiting -= parts[-1].size
            if member.waiting:
                # The rest has its next turn behind those who wait already.
                self._members.append(member)
        return parts


def stack(parts: Sequence[Part]) -> NDArray[np.uint8]:
    """The pictures of all parts, in order: uint8 [N, H, W, C]."""
    first = parts[0].member.images[parts[0].start]
    batch = np.empty((sum(part.size for part in parts), *first.shape), np.uint8)
    row = 0
    for part in parts:
        for index in range(part.start, part.stop):
            batch[row] = part.member.images[index]
            row += 1
    return batch


def split(prediction: Prediction, parts: Sequence[Part]) -> list[Prediction]:
    """Each part's own rows of the answer.

    Raises:
        ModelServerFault: Several parts, and an output without a row for every picture.
    """
    if len(parts) == 1:
        return [prediction]
    size = sum(part.size for part in parts)
    for name, output in prediction.outputs.items():
        if output.ndim == 0 or len(output) != size:
            raise ModelServerFault(f"Expected {size} rows in the output {name!r}. Received: {list(output.shape)}")
    rows, stop = [], 0
    for part in parts:
        start, stop = stop, stop + part.size
        outputs = {name: output[start:stop] for name, output in prediction.outputs.items()}
        rows.append(Prediction(prediction.version, outputs))
    return rows


def request_ids(parts: Sequence[Part]) -> str:
    """The ids of the requests in a call, joined by commas; as many as fit."""
    joined = ""
    for request_id in dict.fromkeys(part.member.request_id for part in parts if part.member.request_id):
        if len(joined) + 1 + len(request_id) > MAX_REQUEST_IDS_CHARS:
            break
        joined = f"{joined},{request_id}" if joined else request_id
    return joined


def metadata(parts: Sequence[Part]) -> Metadata:
    """What goes along with a call: the ids of its requests, and the trace of the first that has one."""
    ids = request_ids(parts)
    trace = next((part.member.trace for part in parts if part.member.trace), ())
    return (*((("x-request-id", ids),) if ids else ()), *trace)


def _joined(pieces: Sequence[Prediction]) -> Prediction:
    if len(pieces) == 1:
        return pieces[0]
    versions = {piece.version for piece in pieces}
    if len(versions) > 1:
        raise ModelServerFault(f"Expected one version for all pictures. Received: answers of {sorted(versions)}")
    names = pieces[0].outputs.keys()
    outputs: dict[str, NDArray[Any]] = {}
    for name in names:
        try:
            outputs[name] = np.concatenate([piece.outputs[name] for piece in pieces])
        except (KeyError, ValueError) as error:
            raise ModelServerFault(f"Expected rows in the output {name!r} of every call. Received: {error}") from None
    return Prediction(versions.pop(), outputs)
