"""The versions that one request asks, one after the other until one answers.

A caller who names neither version nor label may draw the canary; whatever goes wrong there that is not the caller's
fault, the stable version answers instead. A version that is not served where the request arrived is asked for again,
for the next call meets another replica.
"""

from __future__ import annotations

import asyncio
import time

from contract.card import CardError, ModelCard
from contract.errors import ServableNotFound, ServingError
from contract.tensors import TensorError
from gateway.errors import BadModelAnswer, NotReady
from gateway.upstream.model_server import Deadline
from gateway.versions.canaries import Canaries
from gateway.versions.resolve import Resolved, Resolver, Wanted
from gateway.versions.trail import Trail

# What a model or its server does wrong, and not the caller.
FAULTS = (ServingError, CardError, TensorError, BadModelAnswer)
# A call meets the replicas in turn, but among others' calls as if at random: where every second one lacks the version,
# one request in some thousands finds none in so many tries.
MISSES_BEFORE_GONE = 12
# A pause makes sense only once it is no replica's turn any more that just happens to lack it.
_MISSES_WITHOUT_PAUSE = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.1
_MAX_MISSES = 2 * MISSES_BEFORE_GONE


class Attempts:
    """One request's way to a version that answers.

    Attributes:
        retries: How often a version turned out not to be served.
    """

    def __init__(self, resolver: Resolver, canaries: Canaries, wanted: Wanted, client: str, trail: Trail) -> None:
        self.retries = 0
        self._resolver = resolver
        self._canaries = canaries
        self._wanted = wanted
        self._client = client
        self._trail = trail
        self._drawn = False
        self._drawn_s = 0.0
        self._misses: dict[Resolved, int] = {}

    async def next(self, deadline: Deadline) -> tuple[Resolved, ModelCard]:
        """The version to ask now, and its card. Raises as `Resolver.resolve` does."""
        if self._wanted.model is None:
            # Once: what answers in a canary's place must be of the same model.
            self._wanted = Wanted(self._resolver.default_model(), self._wanted.version, self._wanted.label)
        canary = self._draw()
        if canary is not None:
            self._trail.resolved = canary
            try:
                return canary, await self._resolver.card(canary, deadline.half())
            except FAULTS as error:
                await self.failed(error, deadline)
        try:
            self._trail.resolved, card = await self._resolver.resolve(self._wanted, deadline)
        except (CardError, TensorError):
            # It is served, if not well; of other errors nobody knows whether the version is more than a caller's word.
            self._trail.resolved = self._resolver.named(self._wanted)
            self._trail.ended("failed")
            raise
        return self._trail.resolved, card

    async def failed(self, error: Exception, deadline: Deadline) -> None:
        """Takes note that the version did not answer, and returns if there is something left to try.

        Raises:
            UnknownVersion, NotReady: It is not served, and nothing may take its place.
            Exception: The error itself, if it is the answer.
        """
        resolved = self._trail.resolved
        if resolved is None:
            raise error
        if isinstance(error, ServableNotFound):
            self._trail.resolved = None
            await self._missed(resolved, deadline)
            return
        self._trail.ended("failed")
        if not resolved.drawn:
            raise error
        self._canaries.failed(resolved, error, self._drawn_s, time.monotonic())
        deadline.left_s()
        self._trail.resolved = None

    def answered(self, seconds: float) -> None:
        """Takes note that the version answered, and how long that took."""
        resolved = self._trail.resolved
        if resolved is not None and resolved.drawn:
            self._canaries.answered(resolved, self._drawn_s)
        self._trail.ended("ok", seconds)

    def _draw(self) -> Resolved | None:
        """The canary, if this request is for it; a request draws once."""
        if self._drawn:
            return None
        self._drawn = True
        self._drawn_s = time.monotonic()
        canary = self._resolver.drawn(self._wanted, self._client)
        return canary if canary is not None and self._canaries.may_ask(canary, self._drawn_s) else None

    async def _missed(self, resolved: Resolved, deadline: Deadline) -> None:
        self.retries += 1
        misses = self._misses[resolved] = self._misses.get(resolved, 0) + 1
        if self.retries >= _MAX_MISSES:
            raise NotReady(f"No version of {resolved.model} stayed long enough to answer. Please try again in a moment")
        if resolved.drawn or (resolved.movable and resolved.label is None):
            self._resolver.gone(resolved)
        elif misses < MISSES_BEFORE_GONE:
            await _pause(misses, deadline)
        else:
            self._resolver.gone(resolved, forget=True)
            if not resolved.movable:
                raise await self._resolver.not_loaded(resolved.model, resolved.version, deadline) from None


async def _pause(misses: int, deadline: Deadline) -> None:
    if misses >= _MISSES_WITHOUT_PAUSE:
        pause_s = _FIRST_PAUSE_S * 2 ** (misses - _MISSES_WITHOUT_PAUSE)
        await asyncio.sleep(min(pause_s, _LONGEST_PAUSE_S, deadline.left_s()))
