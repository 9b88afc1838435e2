"""What is served: models, their versions, states, labels and cards, as plain values."""

from __future__ import annotations

import logging
from typing import Any

from contract.card import CardError
from contract.errors import ServableNotFound, ServingError
from contract.messages import ModelSpec, VersionStatus
from gateway.errors import UnknownModel
from gateway.observe.seldom import Seldom
from gateway.upstream.model_server import Deadline, ModelServer
from gateway.versions.cards import CardCache
from gateway.versions.resolve import Resolver

_log = logging.getLogger(__name__)


class Catalogue:
    """Answers what there is to ask."""

    def __init__(self, client: ModelServer, resolver: Resolver, cards: CardCache) -> None:
        self._client = client
        self._resolver = resolver
        self._cards = cards
        self._complaints = Seldom()

    async def models(self, deadline: Deadline) -> list[dict[str, Any]]:
        """Every known model; one that is not loaded has no versions. Raises ServingError."""
        described = []
        for name in self._resolver.model_names():
            try:
                described.append(await self.model(name, deadline))
            except UnknownModel:
                described.append({"name": name, "labels": self._resolver.labels(name), "versions": []})
        return described

    async def model(self, name: str, deadline: Deadline) -> dict[str, Any]:
        """One model.

        Raises:
            UnknownModel: The server does not know it.
            ServingError: The server did not say.
        """
        try:
            statuses = await self._client.status(ModelSpec(name), timeout_s=deadline.left_s())
        except ServableNotFound:
            known = ", ".join(self._resolver.model_names()) or "none"
            raise UnknownModel(f"Expected a known model ({known}). Received: {name!r}") from None
        versions = [await self._version(name, status, deadline) for status in statuses]
        return {"name": name, "labels": self._resolver.labels(name), "versions": versions}

    async def available(self, deadline: Deadline) -> tuple[str, list[int]]:
        """The default model and its loaded versions. Raises NotReady or ServingError."""
        name = self._resolver.default_model()
        try:
            statuses = await self._client.status(ModelSpec(name), timeout_s=deadline.left_s())
        except ServableNotFound:
            statuses = []
        return name, [status.version for status in statuses if status.available]

    async def _version(self, name: str, status: VersionStatus, deadline: Deadline) -> dict[str, Any]:
        described: dict[str, Any] = {"version": status.version, "state": status.state, "card": None}
        if status.error:
            described["error"] = "This version failed to load. Its operator finds the reason in the server's log."
        if status.available:
            try:
                described["card"] = (await self._cards.get(name, status.version, deadline)).to_dict()
            except (CardError, ServingError) as error:
                if self._complaints.due((name, status.version)):
                    _log.warning("no card of %s version %d: %s", name, status.version, error)
        return described
