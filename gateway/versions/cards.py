"""The cards of the versions met so far: each is asked for once."""

from __future__ import annotations

import threading
from collections import OrderedDict

from contract.card import ModelCard
from contract.client import ModelSpec
from gateway.upstream.model_server import Deadline, ModelServer

MAX_CARDS = 64


class CardCache:
    """ModelCards by (model, version), the least recently used of more than `MAX_CARDS` forgotten. Thread-safe."""

    def __init__(self, client: ModelServer) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._cards: OrderedDict[tuple[str, int], ModelCard] = OrderedDict()

    def get(self, model: str, version: int, deadline: Deadline) -> ModelCard:
        """The version's card.

        Raises:
            ServingError: The model server did not give it.
            CardError: It gave something else.
        """
        with self._lock:
            card = self._cards.get((model, version))
            if card is not None:
                self._cards.move_to_end((model, version))
                return card
        return self.ask(ModelSpec(model, version=version), deadline)

    def ask(self, spec: ModelSpec, deadline: Deadline) -> ModelCard:
        """The card of whatever version answers to a spec, asked of the server. Raises as `get` does."""
        card = self._client.describe(spec, timeout_s=deadline.left_s())
        if card.version is not None:
            with self._lock:
                self._cards[(spec.name, card.version)] = card
                while len(self._cards) > MAX_CARDS:
                    self._cards.popitem(last=False)
        return card

    def forget(self, model: str, version: int) -> None:
        """Asks again the next time, for instance because the model's answer contradicts the card."""
        with self._lock:
            self._cards.pop((model, version), None)
