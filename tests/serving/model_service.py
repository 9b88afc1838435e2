"""A real gRPC server that answers GetModelStatus as TensorFlow Serving does, and follows a models.config file.

It keeps TensorFlow Serving's rule on labels, and remembers every configuration that it refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from tests.serving import prediction_service

Status = get_model_status_pb2.ModelVersionStatus


@dataclass
class ModelService:
    """What a replica has loaded.

    Attributes:
        config: The file that it polls, whenever it is asked; None for a server that polls none.
        verdicts: How loading ends, by (model, version): a state, or ``END: <error>``; AVAILABLE for all others.
        last_words: The error of a version that is taken away before it was AVAILABLE.
        states: The versions it knows, by model.
        disk: The repository whose versions it answers for, as far as it is asked to; that of `config` if None.
        broken: The versions that give no numbers, by model.
        refused: Why configurations were refused.
        asked: The number of requests.
        host: The IP address that it listens on.
    """

    config: Path | None = None
    verdicts: dict[tuple[str, int], str] = field(default_factory=dict)
    last_words: dict[tuple[str, int], str] = field(default_factory=dict)
    states: dict[str, dict[int, str]] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    disk: Path | None = None
    broken: set[tuple[str, int]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    asked: int = 0
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def repository(self) -> Path | None:
        return self.disk or (self.config.parent if self.config else None)

    def poll(self) -> None:
        """Takes the configuration as it now is."""
        if self.config is None or not self.config.exists():
            return
        self.take(text_format.Parse(self.config.read_text(), model_server_config_pb2.ModelServerConfig()))

    def take(self, config: Any) -> None:
        """Follows a configuration, or remembers why it is refused."""
        wanted = {one.name: one for one in config.model_config_list.config}
        for name, one in wanted.items():
            for label, version in one.version_labels.items():
                used = label in self.labels.get(name, {})
                if used and self.states.get(name, {}).get(version) != "AVAILABLE":
                    self.refused.append(f"label {label} of {name} to version {version}")
                    return
        for name in {*wanted, *self.states}:
            versions = wanted[name].model_version_policy.specific.versions if name in wanted else []
            self._take(name, set(versions))
        self.labels = {name: dict(one.version_labels) for name, one in wanted.items()}

    def _take(self, name: str, wanted: set[int]) -> None:
        known = self.states.setdefault(name, {})
        for version in wanted:
            known[version] = self.verdicts.get((name, version), "AVAILABLE")
        for version in known.keys() - wanted:
            if not known[version].startswith("END"):
                words = self.last_words.get((name, version))
                known[version] = f"END: {words}" if words else "END"


class _Servicer(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]  # generated, without types
    def __init__(self, service: ModelService) -> None:
        self._service = service

    def GetModelStatus(  # noqa: N802  # the name in the proto
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        self._service.asked += 1
        self._service.poll()
        name = request.model_spec.name
        known = self._service.states.get(name)
        if not known:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
            raise AssertionError
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, state in known.items():
            word, _, error = state.partition(": ")
            one = response.model_version_status.add(version=version, state=Status.State.Value(word))
            one.status.error_code = 3 if error else 0
            one.status.error_message = error
        return response

    def HandleReloadConfigRequest(  # noqa: N802  # the name in the proto
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        refused = len(self._service.refused)
        self._service.take(request.config)
        if len(self._service.refused) > refused:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Request to assign {self._service.refused[-1]}")
        return model_management_pb2.ReloadConfigResponse()


@contextmanager
def serving(service: ModelService, port: int = 0) -> Iterator[ModelService]:
    """Runs the server on a free port, or the given one, until the end of the block."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Servicer(service), server)
    server.add_generic_rpc_handlers((prediction_service.handler(service.repository, service.broken),))
    service.port = server.add_insecure_port(f"{service.host}:{port}")
    server.start()
    try:
        yield service
    finally:
        server.stop(grace=None).wait()
