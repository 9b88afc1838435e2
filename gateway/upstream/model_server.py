"""The seam to the model server: what is asked of `contract.aio.AsyncServingClient`, and the time left for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from contract.card import ModelCard
from contract.errors import DeadlineExceeded
from contract.messages import Metadata, ModelSpec, Prediction, VersionStatus


class ModelServer(Protocol):
    """The part of `contract.aio.AsyncServingClient` that the gateway needs; tests put another in its place."""

    async def predict(
        self,
        spec: ModelSpec,
        inputs: Mapping[str, NDArray[Any]],
        *,
        signature: str = ...,
        outputs: Sequence[str] = ...,
        timeout_s: float | None = ...,
        metadata: Metadata = ...,
    ) -> Prediction:
        """Runs a signature."""

    async def describe(self, spec: ModelSpec, *, timeout_s: float | None = ...) -> ModelCard:
        """The card of the version that answers."""

    async def status(self, spec: ModelSpec, *, timeout_s: float | None = ...) -> list[VersionStatus]:
        """Every version of a model, newest first."""


class Deadline:
    """The moment at which a request is given up, shared by all calls made for it.

    Attributes:
        at_s: That moment, by `time.monotonic`.
    """

    def __init__(self, timeout_s: float) -> None:
        self.at_s = time.monotonic() + timeout_s

    def half(self) -> Deadline:
        """One after half of what remains. Raises DeadlineExceeded if nothing does."""
        return Deadline(self.left_s() / 2)

    def left_s(self) -> float:
        """Seconds that remain. Raises DeadlineExceeded if none do."""
        left = self.at_s - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("The request's time is up")
        return left
