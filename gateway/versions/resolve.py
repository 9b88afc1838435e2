"""Which version answers: the one a caller names, the one under a label, the stable one, or the server's latest."""

from __future__ import annotations

import time
from dataclasses import dataclass

from contract.card import ModelCard
from contract.errors import ServableNotFound, ServingError
from contract.messages import ModelSpec
from contract.release import STABLE
from gateway.errors import NotReady, UnknownLabel, UnknownModel, UnknownVersion
from gateway.settings.settings import Settings
from gateway.upstream.model_server import Deadline, ModelServer
from gateway.versions.cards import CardCache
from gateway.versions.releases import ReleaseWatcher

# How long the answer to "which is the latest?" and the news that a version is gone are believed.
MEMORY_S = 0.5
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Wanted:
    """What a caller asked for; None is left to the gateway."""

    model: str | None = None
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Resolved:
    """The version that is to answer.

    Attributes:
        model: Its model.
        version: Its number.
        label: The label that led to it, if one did.
        movable: True if the gateway chose it, and so may choose again when it goes away.
    """

    model: str
    version: int
    label: str | None = None
    movable: bool = True


class Resolver:
    """Finds versions; remembers what the server said for `MEMORY_S`."""

    def __init__(self, settings: Settings, client: ModelServer, releases: ReleaseWatcher, cards: CardCache) -> None:
        self._settings = settings
        self._client = client
        self._releases = releases
        self._cards = cards
        self._latest: dict[str, tuple[float, int]] = {}
        self._gone: dict[tuple[str, int], float] = {}

    def model_names(self) -> tuple[str, ...]:
        """The models known by configuration; the server may hold more."""
        return tuple(dict.fromkeys((*self._settings.models, *self._releases.release().models)))

    def default_model(self) -> str:
        """The model for callers who name none. Raises NotReady if there is none yet."""
        names = self.model_names()
        if self._settings.default_model is not None:
            return self._settings.default_model
        if not names:
            raise NotReady("No model has been released yet. Publish one, or name it in VITRINE_MODELS")
        return names[0]

    def labels(self, model: str) -> dict[str, int]:
        """Versions by label, as release.json has them."""
        release = self._releases.model(model)
        return dict(release.labels) if release else {}

    async def resolve(self, wanted: Wanted, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        """The version for a wish, and its card.

        Raises:
            UnknownModel, UnknownVersion, UnknownLabel: There is none.
            NotReady: The model is known, but nothing of it is loaded.
            ServingError, CardError: The model server did not say.
        """
        model = wanted.model or self.default_model()
        if wanted.version is not None:
            return await self._pinned(model, wanted.version, deadline)
        if wanted.label is not None:
            return await self._labelled(model, wanted.label, deadline)
        return await self._released(model, STABLE, deadline) or await self._newest(model, deadline)

    def gone(self, resolved: Resolved) -> None:
        """Takes note that a version went away between resolving and asking."""
        now = time.monotonic()
        self._gone = {key: at for key, at in self._gone.items() if now - at < MEMORY_S}
        self._gone[(resolved.model, resolved.version)] = now
        self._latest.pop(resolved.model, None)

    async def _pinned(self, model: str, version: int, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        try:
            card = await self._cards.get(model, version, deadline)
        except ServableNotFound:
            raise await self.not_loaded(model, version, deadline) from None
        return Resolved(model, version, movable=False), card

    async def _labelled(self, model: str, label: str, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        released = await self._released(model, label, deadline)
        if released:
            return released
        try:
            card = await self._cards.ask(ModelSpec(model, label=label), deadline)
        except ServableNotFound:
            await self._check_model(model, deadline)
            known = ", ".join(sorted(self.labels(model))) or "none"
            raise UnknownLabel(f"Expected a label of {model} ({known}). Received: {label!r}") from None
        return Resolved(model, card.version or 0, label), card

    async def _released(self, model: str, label: str, deadline: Deadline) -> tuple[Resolved, ModelCard] | None:
        """The version that release.json puts under a label; None if there is none or the server does not serve it."""
        version = self.labels(model).get(label)
        if version is None or self._is_gone(model, version):
            return None
        resolved = Resolved(model, version, label)
        try:
            return resolved, await self._cards.get(model, version, deadline)
        except ServableNotFound:
            self.gone(resolved)
            return None

    async def _newest(self, model: str, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        remembered = self._remembered(model)
        if remembered is not None:
            try:
                return Resolved(model, remembered), await self._cards.get(model, remembered, deadline)
            except ServableNotFound:
                pass  # Swapped within the last moments: the server knows the new one.
        try:
            card = await self._cards.ask(ModelSpec(model), deadline)
        except ServableNotFound:
            raise self._nothing_loaded(model) from None
        version = card.version or 0
        now = time.monotonic()
        self._latest = {name: known for name, known in self._latest.items() if now - known[0] < MEMORY_S}
        self._latest[model] = (now, version)
        return Resolved(model, version), card

    def _remembered(self, model: str) -> int | None:
        at, version = self._latest.get(model, (float("-inf"), 0))
        return version if time.monotonic() - at < MEMORY_S else None

    async def not_loaded(self, model: str, version: int, deadline: Deadline) -> Exception:
        """The error for a version that a caller named and that is not served: it says which are."""
        loaded = await self._check_model(model, deadline)
        known = ", ".join(map(str, loaded)) or "none"
        return UnknownVersion(f"Expected a loaded version of {model} ({known}). Received: {version}")

    async def _check_model(self, model: str, deadline: Deadline) -> list[int]:
        """The loaded versions of a model. Raises UnknownModel if the server does not know it either."""
        try:
            statuses = await self._client.status(ModelSpec(model), timeout_s=deadline.left_s())
        except ServableNotFound:
            raise self._nothing_loaded(model) from None
        except ServingError:
            return []
        return [status.version for status in statuses if status.available]

    def _nothing_loaded(self, model: str) -> Exception:
        names = self.model_names()
        if model in names:
            return NotReady(f"The model server has not loaded {model} yet. Please try again in a moment")
        shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
        return UnknownModel(f"Expected a known model ({shown or 'none'}). Received: {model!r}")

    def _is_gone(self, model: str, version: int) -> bool:
        return time.monotonic() - self._gone.get((model, version), float("-inf")) < MEMORY_S
