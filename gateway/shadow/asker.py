"""Asks a shadow version about a copy, by means of its own: nothing of it stands in the way of users' requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from contract import images
from contract.card import ImageSpec, ModelCard
from contract.errors import ServableNotFound
from contract.messages import SERVING_DEFAULT, ModelSpec
from gateway.classify.answer import Refusal, Upload
from gateway.classify.decoding import Decoder
from gateway.classify.outputs import scores
from gateway.errors import BadModelAnswer
from gateway.settings.settings import Settings
from gateway.shadow.budget import Budget
from gateway.shadow.compare import Answered
from gateway.shadow.copies import Copy
from gateway.upstream.coalescer import Coalesced, Coalescer
from gateway.upstream.model_server import Deadline, ModelServer
from gateway.versions.cards import CardCache

# Where one of two replicas lacks the version, as after its restart, one copy in thirty-two finds none in so many tries.
TRIES = 5

_Told = TypeVar("_Told")


class NoRoom(Exception):
    """The copy's pixels do not fit into what copies may hold, or none of its files can be decoded for the shadow."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both versions' answers about the same pictures."""

    version: Answered
    shadow: Answered


class Asker:
    """Asks shadow versions. For one event loop.

    The cards, the calls and the decoding are its own: a user's request never waits in line behind a copy, and a shadow
    version that fails does not make the gateway think that the model server is away.
    """

    def __init__(self, settings: Settings, client: ModelServer) -> None:
        self._timeout_s = settings.timeout_s
        self._coalescer = Coalescer(client, max_batch=settings.max_batch)
        self._cards = CardCache(client)
        # One thread: another core stays free for users' pictures.
        self._decoder = Decoder(replace(settings, decode_threads=1))

    async def card(self, servable: ModelSpec) -> ModelCard:
        """The shadow version's card. Raises ServingError or CardError."""
        version, deadline = servable.version or 0, Deadline(self._timeout_s)
        return await _anywhere(lambda: self._cards.get(servable.name, version, deadline))

    async def ask(self, servable: ModelSpec, card: ModelCard, copy: Copy, budget: Budget) -> Pair:
        """Both answers about the pictures that the shadow version can be asked about.

        Raises:
            NoRoom: It cannot be asked.
            ServingError, TensorError, BadModelAnswer: By what came of it.
        """
        if copy.pixels and copy.spec == card.image:
            return Pair(copy.answered, await self._answered(servable, card, copy.pixels, copy.request_id))
        with budget.held(len(copy.files) * int(np.prod(card.image.shape))) as fits:
            if not fits:
                raise NoRoom
            decoded = await self._decode(copy.files, card.image)
            if not decoded:
                raise NoRoom
            rows = copy.answered.probabilities[list(decoded)]
            version = replace(copy.answered, probabilities=rows)
            pixels = list(decoded.values())
            return Pair(version, await self._answered(servable, card, pixels, copy.request_id))

    def close(self) -> None:
        """Ends the decoding."""
        self._decoder.close()

    async def _answered(
        self, servable: ModelSpec, card: ModelCard, pixels: Sequence[NDArray[np.uint8]], request_id: str
    ) -> Answered:
        deadline = Deadline(self._timeout_s)
        answered, seconds = await _anywhere(lambda: self._predict(servable, pixels, deadline, request_id))
        try:
            found = scores(answered.prediction.outputs, len(pixels), card, explain=False)
        except BadModelAnswer:
            # Perhaps another model stands under this number by now, with another card.
            self._cards.forget(servable.name, servable.version or 0)
            raise
        return Answered(card.labels, np.stack([one.probabilities for one in found]), seconds)

    async def _predict(
        self, servable: ModelSpec, pixels: Sequence[NDArray[np.uint8]], deadline: Deadline, request_id: str
    ) -> tuple[Coalesced, float]:
        # Measured as `Answer.predict_ms` is: from the question to the answer, the wait for a turn included.
        began = time.perf_counter()
        answered = await self._coalescer.predict(
            servable, pixels, signature=SERVING_DEFAULT, deadline=deadline, request_id=request_id
        )
        return answered, time.perf_counter() - began

    async def _decode(self, files: Sequence[bytes], spec: ImageSpec) -> dict[int, NDArray[np.uint8]]:
        """The pixels by the files' places, one after the other; without those that cannot be had at a small price."""
        decoded = {}
        for place, data in enumerate(files):
            # A heavy one would keep those of users waiting, for a process decodes them one at a time.
            if images.is_heavy(data):
                continue
            begun = self._decoder.begin(Upload("", data), spec)
            array = await begun if isinstance(begun, asyncio.Future) else begun
            if not isinstance(array, Refusal):
                decoded[place] = array
            # Tiny ones are decoded in the event loop: others have their turn in between.
            await asyncio.sleep(0)
        return decoded


async def _anywhere(ask: Callable[[], Awaitable[_Told]]) -> _Told:
    """What is asked, of another replica if the version is not at the first one. Raises as `ask` does."""
    for _ in range(TRIES - 1):
        with suppress(ServableNotFound):
            return await ask()
    return await ask()
