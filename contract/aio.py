"""`contract.client.ServingClient` for an event loop: the same parameters, results and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc
import grpc.aio
from numpy.typing import NDArray

from contract import messages
from contract.card import ModelCard
from contract.channel import open_async_channel
from contract.errors import ModelServerUnavailable, from_grpc
from contract.messages import (
    DEFAULT_TIMEOUT_S,
    DESCRIBE,
    SERVING_DEFAULT,
    Metadata,
    ModelSpec,
    Prediction,
    VersionStatus,
)

_Method: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


class AsyncServingClient:
    """A client of one TensorFlow Serving address, which may stand for many replicas.

    Make it in the running event loop that will use it, after any fork.
    """

    def __init__(self, target: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Opens nothing yet. `target` as in `contract.channel.open_channel`; `timeout_s` is each call's deadline."""
        self.target = target
        self._timeout_s = timeout_s
        self._channel = open_async_channel(target)
        # Without serializers gRPC takes and gives bytes, and makes them once.
        call = self._channel.unary_unary
        self._predict: _Method = call(messages.PREDICT)
        self._status: _Method = call(messages.GET_MODEL_STATUS)

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
        """Runs a signature; parameters as in `contract.client.ServingClient.predict`."""
        request = messages.predict_request(spec, inputs, signature, outputs)
        return messages.prediction(await self._call(self._predict, request, timeout_s, metadata))

    async def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
        """The card of the version that answers, under the number that the server gives it.

        Raises:
            CardError: The model answers with something that is no card.
        """
        inputs = messages.DESCRIBE_INPUTS
        return messages.card_of(await self.predict(spec, inputs, signature=DESCRIBE, timeout_s=timeout_s))

    async def status(self, spec: ModelSpec, *, timeout_s: float | None = None) -> list[VersionStatus]:
        """Every version of the model that the server knows, newest first; versions that are gone stay as END."""
        return messages.statuses(await self._call(self._status, messages.status_request(spec), timeout_s))

    def reachable(self) -> bool:
        """False while every address of the target refuses connections; says so at once and asks nobody."""
        return self._channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.TRANSIENT_FAILURE

    async def close(self) -> None:
        """Ends the connections; calls in flight are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: _Method, request: bytes, timeout_s: float | None, metadata: Metadata = ()) -> bytes:
        deadline_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            response: bytes = await method(request, timeout=deadline_s, metadata=metadata)
        except grpc.RpcError as error:
            raise from_grpc(error) from error
        except grpc.aio.UsageError as error:
            raise ModelServerUnavailable(f"The client of {self.target} is closed") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ModelServerUnavailable(f"The client of {self.target} was closed during a call") from None
        return response
