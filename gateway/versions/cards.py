"""The cards of the versions met so far: each is asked for once, however many requests wait for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from contract.card import ModelCard
from contract.errors import DeadlineExceeded
from contract.messages import ModelSpec
from gateway.upstream.model_server import Deadline, ModelServer

MAX_CARDS = 64


class CardCache:
    """ModelCards by (model, version), the least recently used of more than `MAX_CARDS` forgotten."""

    def __init__(self, client: ModelServer) -> None:
        self._client = client
        self._cards: OrderedDict[tuple[str, int], ModelCard] = OrderedDict()
        self._asking: dict[ModelSpec, asyncio.Task[ModelCard]] = {}

    async def get(self, model: str, version: int, deadline: Deadline) -> ModelCard:
        """The version's card.

        Raises:
            ServingError: The model server did not give it.
            CardError: It gave something else.
        """
        card = self._cards.get((model, version))
        if card is not None:
            self._cards.move_to_end((model, version))
            return card
        return await self.ask(ModelSpec(model, version=version), deadline)

    async def ask(self, spec: ModelSpec, deadline: Deadline) -> ModelCard:
        """The card of whatever version answers to a spec, asked of the server. Raises as `get` does."""
        task = self._asking.get(spec)
        if task is None:
            # With the client's own time: who asks first may be in a hurry, those who join may not.
            task = self._asking[spec] = asyncio.create_task(self._ask(spec))
            task.add_done_callback(lambda done: self._asked(spec, done))
        # One of those who wait may give up; the others still want the answer.
        try:
            return await asyncio.wait_for(asyncio.shield(task), deadline.left_s())
        except TimeoutError:
            raise DeadlineExceeded(f"{spec.name} did not describe itself in time") from None

    def forget(self, model: str, version: int) -> None:
        """Asks again the next time, for instance because the model's answer contradicts the card."""
        self._cards.pop((model, version), None)

    def _asked(self, spec: ModelSpec, done: asyncio.Task[ModelCard]) -> None:
        del self._asking[spec]
        if not done.cancelled():
            done.exception()  # Seen, even if nobody waits for it any more.

    async def _ask(self, spec: ModelSpec) -> ModelCard:
        card = await self._client.describe(spec)
        if card.version is not None:
            self._cards[(spec.name, card.version)] = card
            while len(self._cards) > MAX_CARDS:
                self._cards.popitem(last=False)
        return card
