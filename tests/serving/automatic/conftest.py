"""A repository with digits 1 stable and 2 on disk, a model server that follows it, and a gateway that counts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.release import ModelRelease, Release
from serving.__main__ import main
from serving.repository import ModelRepository
from tests.serving.automatic import fake_gateway
from tests.serving.automatic.fake_gateway import FakeGateway
from tests.serving.conftest import MakeModel, command, environment
from tests.serving.model_service import ModelService, serving

STEPS = "20,60,100"
SHARES = [0.0, 20.0, 60.0, 100.0]


@dataclass
class World:
    """What a rollout has to do with."""

    repository: Path
    server: ModelService
    gateway: FakeGateway
    stop_server: Callable[[], None]

    @property
    def digits(self) -> ModelRelease:
        """What serves."""
        return Release.read(self.repository).models["digits"]

    @property
    def report(self) -> dict[str, Any]:
        """The last entry's."""
        report = self.digits.history[-1].report
        assert report is not None
        return dict(report)

    def words(self, *more: str, version: int = 2) -> list[str]:
        """The words of a quick rollout."""
        return [
            *("rollout", "digits", str(version), "--replica", self.server.address, "--gateway", self.gateway.url),
            *("--steps", STEPS, "--every", "0.05s", "--deadline", "20s", "--blind", "20s", "--drain", "0", *more),
        ]

    def rollout(self, *more: str, version: int = 2) -> int:
        """Its exit status."""
        return main(["--repository", str(self.repository), *self.words(*more, version=version)])

    def started(self, *more: str) -> subprocess.Popen[str]:
        """A rollout as a process that goes on."""
        words = command("--repository", self.repository, *self.words(*more))
        pipe = subprocess.PIPE
        return subprocess.Popen(words, env=environment(), stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def world(repository: Path, make_model: MakeModel) -> Iterator[World]:
    """Ready for a rollout of digits 2."""
    for number in (1, 2):
        ModelRepository(repository).add("digits", make_model(f"model{number}", number / 10))
    publish = ["publish", "digits", "--version", "1", "--offline"]
    assert main(["--repository", str(repository), *publish]) == 0
    with ExitStack() as stack, fake_gateway.serving(FakeGateway(repository)) as gateway:
        server = stack.enter_context(serving(ModelService(config=repository / "models.config")))
        server.poll()
        yield World(repository, server, gateway, stack.close)
