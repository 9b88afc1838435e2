"""One request's pictures: taken in as they arrive, decoded side by side, handed on as they become ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec
from gateway.classify.answer import Refusal, Stage, Upload
from gateway.classify.decoding import Decoded, Decoder
from gateway.errors import NoImage, TooManyImages
from gateway.upstream.model_server import Deadline

Arriving = AsyncIterator[Sequence[Upload]]
# uint8 [H, W, C]; None for a picture that has no pixels.
Pixels = NDArray[np.uint8] | None
_Decoding = Decoded | asyncio.Future[Decoded]


def give_up(future: asyncio.Future[Any]) -> None:
    """Cancels it, or looks at its error, for asyncio complains of those that nobody looked at."""
    if not future.cancel() and not future.cancelled():
        future.exception()


async def at_once(uploads: Sequence[Upload]) -> Arriving:
    """Uploads that are all there already."""
    yield uploads


@dataclass(frozen=True, slots=True)
class Group:
    """Decoded pictures that go to the model server together: their places in the request, and their pixels."""

    places: list[int]
    images: list[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a job: pictures in a request, pictures in one call, seconds after the last byte of the request."""

    max_files: int
    max_batch: int
    timeout_s: float


class Job:
    """What is decoded for one attempt serves the next one, unless that takes pictures of another size."""

    def __init__(self, arriving: Arriving, decoder: Decoder, limits: Limits) -> None:
        self.uploads: list[Upload] = []
        self.decode_s = 0.0
        self._decoding: list[float] = []
        # The time for an answer begins anew with each part of the request: a slow line is not the model server's fault.
        self.deadline = Deadline(limits.timeout_s)
        self._arriving = arriving
        self._decoder = decoder
        self._limits = limits
        self._spec: ImageSpec | None = None
        self._decoded: list[_Decoding] = []
        self._coming: asyncio.Task[Sequence[Upload] | None] | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """When it decoded: from the first picture's arrival to the last one's pixels."""
        if not self._decoding:
            return ()
        return (Stage("decode", self._decoding[0], self._decoding[-1], len(self.uploads)),)

    def refusal(self, place: int) -> Refusal | None:
        """Why the picture at a place has no pixels; None if it has."""
        decoded = self._decoded[place]
        return decoded if isinstance(decoded, Refusal) else None

    @property
    def pixels(self) -> tuple[Pixels, ...]:
        """The pictures as they were decoded for the last attempt."""
        return tuple(item if isinstance(item, np.ndarray) else None for item in self._decoded)

    async def groups(self, spec: ImageSpec, *, start: int = 0) -> AsyncIterator[Group]:
        """The pictures that can be decoded, in groups of at most `max_batch`, each as soon as it is worth a call.

        Args:
            spec: How to decode them.
            start: The first place that is of interest still.

        Raises:
            NoImage, TooManyImages: By how many came.
            DeadlineExceeded: They cannot be decoded in time.
        """
        ready, waiting = self._resume(spec, start)
        while (uploads := await self._next(waiting)) is not None:
            if uploads:
                self.deadline = Deadline(self._limits.timeout_s)
                self._begin(uploads, spec, ready, waiting)
            # What took a thread to decode is worth a call of its own. The tiny rest of a request comes in a moment.
            if self._collect(waiting, ready) or len(ready) >= self._limits.max_batch:
                for group in self._take(ready):
                    yield group
        if not self.uploads:
            raise NoImage("Expected at least one picture in 'images'. Received: none")
        while waiting:
            for group in self._take(ready):
                yield group
            await self._some(waiting)
            self._collect(waiting, ready)
        for group in self._take(ready):
            yield group

    def close(self) -> None:
        """Gives up what still waits for its arrival or its decoding."""
        if self._coming is not None:
            give_up(self._coming)
        self._drop_decoding()

    def _drop_decoding(self) -> None:
        for decoded in self._decoded:
            if isinstance(decoded, asyncio.Future):
                give_up(decoded)

    def _resume(self, spec: ImageSpec, start: int) -> tuple[list[int], dict[asyncio.Future[Decoded], int]]:
        """What an earlier attempt left: places ready to be asked about, and those that are being decoded."""
        if spec != self._spec:
            self._drop_decoding()
            self._spec = spec
            self._decoded = [self._decode(upload, spec) for upload in self.uploads]
        places = range(start, len(self._decoded))
        waiting = {item: place for place in places if isinstance(item := self._decoded[place], asyncio.Future)}
        return [place for place in places if isinstance(self._decoded[place], np.ndarray)], waiting

    async def _next(self, waiting: Collection[asyncio.Future[Decoded]]) -> Sequence[Upload] | None:
        """The next pictures to arrive; none of them as soon as one that waits is decoded; None at the end."""
        if self._coming is None:
            if not waiting:
                return await self._arrival()
            self._coming = asyncio.create_task(self._arrival())
        first: list[asyncio.Future[Any]] = [self._coming, *waiting]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not self._coming.done():
            return ()
        coming, self._coming = self._coming, None
        try:
            return coming.result()
        finally:
            # An error knows this frame, and the frame must not know the error, or both stay, with all of the pictures.
            del coming

    async def _arrival(self) -> Sequence[Upload] | None:
        return await anext(self._arriving, None)

    def _begin(
        self,
        uploads: Sequence[Upload],
        spec: ImageSpec,
        ready: list[int],
        waiting: dict[asyncio.Future[Decoded], int],
    ) -> None:
        if len(self.uploads) + len(uploads) > self._limits.max_files:
            came = len(self.uploads) + len(uploads)
            raise TooManyImages(f"Expected at most {self._limits.max_files} pictures. Received: {came} or more")
        started = time.perf_counter()
        for upload in uploads:
            decoded = self._decode(upload, spec)
            place = len(self.uploads)
            self.uploads.append(upload)
            self._decoded.append(decoded)
            if isinstance(decoded, asyncio.Future):
                waiting[decoded] = place
            elif isinstance(decoded, np.ndarray):
                ready.append(place)
        self._took(started)

    def _took(self, started: float) -> None:
        now = time.perf_counter()
        self.decode_s += now - started
        self._decoding += (started, now)

    def _decode(self, upload: Upload, spec: ImageSpec) -> _Decoding:
        return upload.refusal or self._decoder.begin(upload, spec)

    def _collect(self, waiting: dict[asyncio.Future[Decoded], int], ready: list[int]) -> bool:
        """Moves what is decoded by now from `waiting` to `ready`; True if there was any."""
        done = [future for future in waiting if future.done()]
        for future in done:
            place = waiting.pop(future)
            decoded = self._decoded[place] = future.result()
            if isinstance(decoded, np.ndarray):
                ready.append(place)
        return bool(done)

    async def _some(self, waiting: dict[asyncio.Future[Decoded], int]) -> None:
        started = time.perf_counter()
        await asyncio.wait(waiting, timeout=self.deadline.left_s(), return_when=asyncio.FIRST_COMPLETED)
        self._took(started)

    def _take(self, ready: list[int]) -> list[Group]:
        """Empties `ready`."""
        size, groups = self._limits.max_batch, []
        for first in range(0, len(ready), size):
            places = ready[first : first + size]
            images = [item for place in places if isinstance(item := self._decoded[place], np.ndarray)]
            groups.append(Group(places, images))
        ready.clear()
        return groups
