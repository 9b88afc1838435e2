"""A real gRPC server that speaks the contract's wire messages, with a model whose every whim a test controls.

The fake model calls a picture by its brightness: with K labels, label `int(mean / 256 * K)` gets 0.9 and the others
share the rest. So a test knows the answer to a picture without a network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import numpy as np
from numpy.typing import NDArray

from contract import tensors
from contract import wire_pb2 as wire
from contract.card import ImageSpec, ModelCard
from contract.channel import MODEL_SERVICE, PREDICTION_SERVICE

DIGITS = tuple("0123456789")


@dataclass
class FakeModel:
    """A model's versions and labels; change them while it serves.

    Attributes:
        cards: The card of each AVAILABLE version.
        labels: Version by label, as the server itself knows them.
        states: Further versions, by their state.
        latency_s: How long each Predict takes.
        fault: A gRPC status for every Predict, None to answer.
        poison: A shade; INVALID_ARGUMENT for every batch with a picture that begins with it.
        hold: While it is cleared, every Predict waits.
        of_version: For some versions, what takes the place of ``latency_s``, ``fault`` and ``hold``, and more.
    """

    cards: dict[int, ModelCard]
    labels: dict[str, int] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    latency_s: float = 0.0
    fault: grpc.StatusCode | None = None
    poison: int | None = None
    hold: threading.Event = field(default_factory=lambda: _set(threading.Event()))
    of_version: dict[int, Whims] = field(default_factory=dict)

    def whims(self, version: int) -> Whims:
        """What a version does beside answering."""
        return self.of_version.get(version) or Whims(self.latency_s, self.fault, self.hold)


Outputs = dict[str, NDArray[Any]]


@dataclass
class Whims:
    """What one version does; `outputs` makes of the right outputs what it answers."""

    latency_s: float = 0.0
    fault: grpc.StatusCode | None = None
    hold: threading.Event = field(default_factory=lambda: _set(threading.Event()))
    outputs: Callable[[Outputs], Outputs] = lambda outputs: outputs


def _set(event: threading.Event) -> threading.Event:
    event.set()
    return event


def card(name: str = "digits", labels: tuple[str, ...] = DIGITS, image: ImageSpec | None = None) -> ModelCard:
    """A card for a version."""
    return ModelCard(name, labels, image or ImageSpec(8, 8, 1), metrics={"accuracy": 0.98})


def probabilities(images: NDArray[np.uint8], labels: int) -> NDArray[np.float32]:
    """What the fake model says of uint8 [N, H, W, C]: float32 [N, labels]."""
    best = (images.reshape(len(images), -1).mean(axis=1) / 256 * labels).astype(int)
    found = np.full((len(images), labels), 0.1 / max(1, labels - 1), np.float32)
    found[np.arange(len(images)), best] = 0.9 if labels > 1 else 1.0
    return found


class FakeServing:
    """The server. `requests` holds (version, signature, batch size, metadata) of every Predict."""

    def __init__(self, **models: FakeModel) -> None:
        self.models = models
        self.requests: list[tuple[int, str, int, dict[str, str]]] = []
        self.port = 0
        self._lock = threading.Lock()
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listens on a free port, or on the one it had before."""
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self._server = grpc.server(ThreadPoolExecutor(16), options=options)
        self._server.add_generic_rpc_handlers((self._handlers(PREDICTION_SERVICE), self._handlers(MODEL_SERVICE)))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()
        return self

    def stop(self) -> None:
        """Goes away at once, as after a kill."""
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _handlers(self, service: str) -> grpc.GenericRpcHandler:
        methods: dict[str, tuple[Callable[..., Any], Any]] = {
            "Predict": (self._predict, wire.PredictRequest),
            "GetModelStatus": (self._status, wire.GetModelStatusRequest),
        }
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    method, kind.FromString, lambda reply: reply.SerializeToString()
                )
                for name, (method, kind) in methods.items()
            },
        )

    def _predict(self, request: wire.PredictRequest, context: grpc.ServicerContext) -> wire.PredictResponse:
        spec = request.model_spec
        version, served = self._find(spec, context)
        model = self.models[spec.name]
        arrays = {name: tensors.from_proto(proto) for name, proto in request.inputs.items()}
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        with self._lock:
            count = len(next(iter(arrays.values())))
            self.requests.append((version, spec.signature_name, count, metadata))
        whims = model.whims(version)
        if whims.fault is not None:
            context.abort(whims.fault, "as the test wished")
        if spec.signature_name != "describe":
            time.sleep(whims.latency_s)
            whims.hold.wait(30)
            if model.poison is not None and (arrays["images"][:, 0, 0, 0] == model.poison).any():
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a poisoned picture")
        outputs = _outputs(spec.signature_name, arrays, served.with_version(version))
        if spec.signature_name != "describe":
            outputs = whims.outputs(outputs)
        reply = wire.PredictResponse(
            outputs={name: tensors.to_proto(array) for name, array in outputs.items()},
            model_spec=wire.ModelSpec(name=spec.name, signature_name=spec.signature_name),
        )
        reply.model_spec.version.value = version
        return reply

    def _find(self, spec: wire.ModelSpec, context: grpc.ServicerContext) -> tuple[int, ModelCard]:
        model = self.models.get(spec.name)
        cards = dict(model.cards) if model else {}
        if model is None or not cards:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({spec.name})")
        choice = spec.WhichOneof("version_choice")
        version = max(cards)
        if choice == "version":
            version = spec.version.value
        if choice == "version_label":
            if spec.version_label not in model.labels:
                text = f"Unrecognized servable version label: {spec.version_label}"
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
            version = model.labels[spec.version_label]
        if version not in cards:
            text = f"Servable not found for request: Specific({spec.name}, {version})"
            context.abort(grpc.StatusCode.NOT_FOUND, text)
        return version, cards[version]

    def _status(
        self, request: wire.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> wire.GetModelStatusResponse:
        model = self.models.get(request.model_spec.name)
        if model is None:
            text = f"Could not find any versions of model {request.model_spec.name}"
            context.abort(grpc.StatusCode.NOT_FOUND, text)
        states = dict.fromkeys(model.cards, "AVAILABLE") | model.states
        return wire.GetModelStatusResponse(
            model_version_status=[
                wire.ModelVersionStatus(version=version, state=state) for version, state in states.items()
            ]
        )


def _outputs(signature: str, arrays: dict[str, NDArray[Any]], described: ModelCard) -> Outputs:
    if signature == "describe":
        return {"card": np.array([described.to_json()] * len(arrays["query"]), dtype=object)}
    pictures = arrays["images"]
    outputs: Outputs = {"probabilities": probabilities(pictures, len(described.labels))}
    if signature == "explain":
        ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
        outputs["heatmaps"] = np.stack([ramp] * len(pictures))
    return outputs
