"""Which version answers: the one a caller names, the one under a label, the canary or the stable one, or the newest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from contract.card import ModelCard
from contract.errors import ServableNotFound, ServingError
from contract.messages import ModelSpec
from contract.release import CANARY, STABLE
from gateway.admission.proxies import limited_as
from gateway.errors import NotReady, UnknownLabel, UnknownModel, UnknownVersion
from gateway.settings.settings import Settings
from gateway.upstream.model_server import Deadline, ModelServer
from gateway.versions.cards import CardCache
from gateway.versions.releases import ReleaseWatcher
from gateway.versions.split import draws_canary, may_stand_in

# How long the answer to "which is the latest?" and the news that a version is gone are believed.
MEMORY_S = 0.5
# A released version that nobody has met yet is asked for so often, for each try meets another replica.
_TRIES = 8
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
        drawn: True if it is the canary, and the caller wanted none in particular: the stable version may answer too.
    """

    model: str
    version: int
    label: str | None = None
    movable: bool = True
    drawn: bool = False


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
        configured = self._settings.default_model or next(iter(self._settings.models), None)
        name = configured or next(iter(self._releases.release().models), None)
        if name is None:
            raise NotReady("No model has been released yet. Publish one, or name it in VITRINE_MODELS")
        return name

    def labels(self, model: str) -> dict[str, int]:
        """Versions by label, as release.json has them."""
        release = self._releases.model(model)
        return dict(release.labels) if release else {}

    def named(self, wanted: Wanted) -> Resolved | None:
        """The version that a wish names, itself or by release.json, whether it is served or not; None if none does."""
        model = wanted.model or self.default_model()
        if wanted.version is not None:
            return Resolved(model, wanted.version, movable=False)
        label = wanted.label or STABLE
        version = self.labels(model).get(label)
        return None if version is None else Resolved(model, version, label)

    def drawn(self, wanted: Wanted, client: str) -> Resolved | None:
        """The canary, if it is for it to answer this client, and not known to be gone. Raises NotReady: no model."""
        if wanted.version is not None or wanted.label is not None:
            return None
        model = wanted.model or self.default_model()
        release = self._releases.model(model)
        # Whoever has an IPv6 address has 2**64 of them, and changes them often.
        if release is None or not release.canary_percent or not draws_canary(release, model, limited_as(client)):
            return None
        version = release.labels[CANARY]
        return None if self._is_gone(model, version) else Resolved(model, version, CANARY, drawn=True)

    async def card(self, resolved: Resolved, deadline: Deadline) -> ModelCard:
        """A version's card. Raises as `CardCache.get` does."""
        return await self._cards.get(resolved.model, resolved.version, deadline)

    async def resolve(self, wanted: Wanted, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        """The version for a wish, and its card; never the canary for those who do not name it.

        Raises:
            UnknownModel, UnknownVersion, UnknownLabel: There is none.
            NotReady: The model is known, but nothing of it is loaded that may answer.
            ServingError, CardError: The model server did not say.
        """
        model = wanted.model or self.default_model()
        if wanted.version is not None:
            return await self._pinned(model, wanted.version, deadline)
        if wanted.label is not None:
            return await self._labelled(model, wanted.label, deadline)
        return await self._released(model, STABLE, deadline) or await self._newest(model, deadline)

    def gone(self, resolved: Resolved, *, forget: bool = False) -> None:
        """Takes note that a version went away between resolving and asking; `forget` its card if it is for good."""
        now = time.monotonic()
        self._gone = {key: at for key, at in self._gone.items() if now - at < MEMORY_S}
        self._gone[(resolved.model, resolved.version)] = now
        self._latest.pop(resolved.model, None)
        if forget:
            self._cards.forget(resolved.model, resolved.version)

    async def not_loaded(self, model: str, version: int, deadline: Deadline) -> Exception:
        """The error for a version that a caller named and that is not served: it says which are."""
        return _not_among(await self._loaded_if_known(model, deadline), model, version)

    async def _pinned(self, model: str, version: int, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        resolved = Resolved(model, version, movable=False)
        for _ in range(_TRIES):
            try:
                return resolved, await self._cards.get(model, version, deadline)
            except ServableNotFound:
                loaded = await self._loaded_if_known(model, deadline)
            # Else some replica has it, if not the one that was asked.
            if version not in loaded:
                break
        raise _not_among(loaded, model, version)

    async def _labelled(self, model: str, label: str, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        released = await self._released(model, label, deadline)
        if released:
            return released
        try:
            card = await self._cards.ask(ModelSpec(model, label=label), deadline)
        except ServableNotFound:
            await self._loaded_if_known(model, deadline)
            known = ", ".join(sorted(self.labels(model))) or "none"
            raise UnknownLabel(f"Expected a label of {model} ({known}). Received: {label!r}") from None
        return Resolved(model, card.version or 0, label), card

    async def _released(self, model: str, label: str, deadline: Deadline) -> tuple[Resolved, ModelCard] | None:
        """The version that release.json puts under a label; None if there is none or no replica serves it."""
        release = self._releases.model(model)
        version = release.labels.get(label) if release else None
        if version is None or self._is_gone(model, version):
            return None
        resolved = Resolved(model, version, label)
        for _ in range(_TRIES):
            try:
                return resolved, await self._cards.get(model, version, deadline)
            except ServableNotFound:
                continue
        self.gone(resolved)
        return None

    async def _newest(self, model: str, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        """The newest loaded version that may answer where no label leads to one."""
        remembered = self._remembered(model)
        if remembered is not None:
            try:
                return Resolved(model, remembered), await self._cards.get(model, remembered, deadline)
            except ServableNotFound:
                pass  # Swapped within the last moments: the server knows the new one.
        release = self._releases.model(model)
        loaded = [one for one in await self._loaded(model, deadline) if release is None or may_stand_in(release, one)]
        if not loaded:
            raise self._nothing_loaded(model)
        try:
            card = await self._cards.get(model, max(loaded), deadline)
        except ServableNotFound:
            raise self._nothing_loaded(model) from None
        now = time.monotonic()
        self._latest = {name: known for name, known in self._latest.items() if now - known[0] < MEMORY_S}
        self._latest[model] = (now, max(loaded))
        return Resolved(model, max(loaded)), card

    def _remembered(self, model: str) -> int | None:
        at, version = self._latest.get(model, (float("-inf"), 0))
        return version if time.monotonic() - at < MEMORY_S else None

    async def _loaded(self, model: str, deadline: Deadline) -> list[int]:
        """The loaded versions of a model, newest first. Raises UnknownModel or NotReady if the server knows none."""
        try:
            statuses = await self._client.status(ModelSpec(model), timeout_s=deadline.left_s())
        except ServableNotFound:
            raise self._nothing_loaded(model) from None
        return [status.version for status in statuses if status.available]

    async def _loaded_if_known(self, model: str, deadline: Deadline) -> list[int]:
        """The same; none if the server does not say."""
        try:
            return await self._loaded(model, deadline)
        except ServingError:
            return []

    def _nothing_loaded(self, model: str) -> Exception:
        names = self.model_names()
        if model in names:
            return NotReady(f"The model server has not loaded {model} yet. Please try again in a moment")
        shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
        return UnknownModel(f"Expected a known model ({shown or 'none'}). Received: {model!r}")

    def _is_gone(self, model: str, version: int) -> bool:
        return time.monotonic() - self._gone.get((model, version), float("-inf")) < MEMORY_S


def _not_among(loaded: Sequence[int], model: str, version: int) -> Exception:
    known = ", ".join(map(str, loaded)) or "none"
    return UnknownVersion(f"Expected a loaded version of {model} ({known}). Received: {version}")
