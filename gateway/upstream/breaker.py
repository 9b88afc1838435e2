"""A circuit breaker: while the model server is away, callers learn it at once instead of waiting for retries each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from contract.card import ModelCard
from contract.errors import DeadlineExceeded, ModelServerUnavailable, ServingError
from contract.messages import SERVING_DEFAULT, Metadata, ModelSpec, Prediction, VersionStatus
from gateway.upstream.model_server import ModelServer

# Where some address still takes connections, one failure may be one bad replica's; so many in a row are a reason to ask
# after the server, for it may be one version's queue that is full.
MAX_FAILURES_IN_A_ROW = 3
PROBE_INTERVAL_S = 0.1
PROBE_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class WatchedModelServer(ModelServer, Protocol):
    """A model server that also knows whether anybody is there; `contract.aio.AsyncServingClient` does."""

    def reachable(self) -> bool:
        """False while every address refuses connections."""

    async def close(self) -> None:
        """Ends the connections."""


class Breaker:
    """A `ModelServer` that stops asking another one while that is away. For one event loop.

    It opens when no address takes connections, or when several calls in a row end as `ModelServerUnavailable` and a
    probe finds the server silent; what the server answers, errors too, and deadlines do not open it. While it is open
    one probe in the background, and nobody else, looks for the server's return.
    """

    def __init__(self, client: WatchedModelServer) -> None:
        self._client = client
        self._failures = 0
        self._probe: asyncio.Task[None] | None = None
        self._away = False
        self._reason = ""

    @property
    def is_open(self) -> bool:
        """True while callers are turned away."""
        return self._away

    async def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, NDArray[Any]],
        *,
        signature: str = SERVING_DEFAULT,
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Prediction:
        """Runs a signature."""
        ask = partial(self._client.predict, spec, inputs, signature=signature, outputs=outputs)
        return await self._guard(spec, partial(ask, timeout_s=timeout_s, metadata=metadata))

    async def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
        """The card of the version that answers."""
        return await self._guard(spec, partial(self._client.describe, spec, timeout_s=timeout_s))

    async def status(self, spec: ModelSpec, *, timeout_s: float | None = None) -> list[VersionStatus]:
        """Every version of a model, newest first."""
        return await self._guard(spec, partial(self._client.status, spec, timeout_s=timeout_s))

    async def close(self) -> None:
        """Ends the probe; the client stays as it is."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    async def _guard(self, spec: ModelSpec, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        if not self.is_open and not self._client.reachable():
            self._look(spec, "No address of the model server takes connections", away=True)
        if self.is_open:
            raise ModelServerUnavailable(self._reason)
        try:
            answer = await ask()
        except ModelServerUnavailable as error:
            self._failures += 1
            away = not self._client.reachable()
            if away or self._failures >= MAX_FAILURES_IN_A_ROW:
                self._look(spec, str(error), away=away)
            raise
        except DeadlineExceeded:
            raise
        except ServingError:
            self._failures = 0
            raise
        self._failures = 0
        return answer

    def _look(self, spec: ModelSpec, reason: str, *, away: bool) -> None:
        """Has a probe look for the server until it answers; opens at once if it is known to be `away`."""
        self._reason = reason
        if away:
            self._open()
        if self._probe is None:
            self._probe = asyncio.create_task(self._look_for_return(ModelSpec(spec.name)))

    def _open(self) -> None:
        if not self._away:
            _log.warning("The model server is away: %s", self._reason)
            self._away = True

    async def _look_for_return(self, spec: ModelSpec) -> None:
        start = time.monotonic()
        try:
            while not await self._answers(spec):
                self._open()
                await asyncio.sleep(PROBE_INTERVAL_S)
            if self._away:
                _log.info("The model server is back after %.1f s", time.monotonic() - start)
        finally:
            self._failures = 0
            self._away = False
            self._probe = None

    async def _answers(self, spec: ModelSpec) -> bool:
        if not self._client.reachable():
            return False
        try:
            await self._client.status(spec, timeout_s=PROBE_TIMEOUT_S)
        except (ModelServerUnavailable, DeadlineExceeded):
            return False
        except ServingError:
            pass  # An answer, whatever it says.
        return True
