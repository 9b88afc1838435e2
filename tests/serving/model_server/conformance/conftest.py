"""The server that the tables are put to: the embedded one, or whichever `VITRINE_SERVING` names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.serving.model_server.conformance import repository
from tests.serving.model_server.conftest import ModelServer, start_server


@dataclass(frozen=True)
class Server:
    """A server under test."""

    channel: grpc.Channel
    address: str
    rest: str
    """``host:port`` of the REST API."""
    models: Path
    """The repository, as the server sees it."""
    embedded: ModelServer | None = None
    """The process, where it is ours."""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, with the models of `repository` loaded."""
    address, rest = os.environ.get("VITRINE_SERVING"), os.environ.get("VITRINE_SERVING_REST")
    if address and rest:
        with grpc.insecure_channel(address) as channel:
            yield Server(channel, address, rest, Path(os.environ.get("VITRINE_SERVING_MODELS", "/models")))
        return
    folder = tmp_path_factory.mktemp("conformance")
    repository.write(folder)
    flags = (
        f"--model_config_file={folder / repository.CONFIG}",
        f"--monitoring_config_file={folder / repository.MONITORING}",
        "--allow_version_labels_for_unavailable_models=true",
    )
    with start_server(folder, *flags) as running:
        yield Server(
            running.channel, f"127.0.0.1:{running.port}", f"127.0.0.1:{running.rest_port}", folder, embedded=running
        )
