"""Version 2 of digits as the shadow of version 1, behind an application that is served for the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.gateway.client import Client, client_of
from tests.gateway.conftest import png
from tests.gateway.fake_serving import FakeServing, Whims
from tests.gateway.observe.samples import samples
from tests.processes import wait_until

FAMILY = "vitrine_shadow_"


class Shadowed:
    """A gateway and the repository that it reads; stable is version 1."""

    def __init__(self, serving: FakeServing, repository: Path, stack: ExitStack) -> None:
        self.serving = serving
        self.repository = repository
        self._stack = stack
        self.client: Client

    def release(self, shadow: int | None = 2, **state: Any) -> None:
        """Writes release.json as an operator's tool does."""
        model = ModelRelease((1, 2, 3), {"stable": 1, "canary": 3}, shadow=shadow, **state)
        write_atomically(self.repository / FILE_NAME, Release({"digits": model}).to_json())

    def start(self, **environ: str) -> None:
        """Serves the application; keywords are environment variables."""
        named = {"VITRINE_SERVING": self.serving.address, "MODEL_REPOSITORY": str(self.repository)}
        self.client = self._stack.enter_context(client_of(named | environ))

    def whims(self, version: int = 2) -> Whims:
        """What a version does from now on, to be changed."""
        return self.serving.models["digits"].of_version.setdefault(version, Whims())

    def classify(self, *pictures: bytes, query: str = "") -> requests.Response:
        """Asks, and expects an answer."""
        files = [("images", (f"{place}.png", data)) for place, data in enumerate(pictures or (png(0),))]
        answer = self.client.post(f"/api/v1/classify{query}", files=files)
        assert answer.status_code == 200, answer.text
        return answer

    def counted(self, name: str, version: int = 1, shadow: int = 2, **labels: str) -> float:
        """The value of one of the shadow's metrics, 0 if there is none."""
        named = labels | {"model": "digits", "version": str(version), "shadow": str(shadow)}
        text = ",".join(f'{key}="{named[key]}"' for key in sorted(named))
        return samples(self.client.get("/metrics").content).get(f"{FAMILY}{name}{{{text}}}", 0.0)

    @property
    def held_bytes(self) -> float:
        """What copies hold."""
        return samples(self.client.get("/metrics").content)["vitrine_shadow_bytes{}"]

    def outcomes(self, outcome: str, version: int = 1, shadow: int = 2) -> float:
        """How many copies came to this."""
        return self.counted("requests_total", version, shadow, outcome=outcome)

    def wait_for(self, outcome: str, count: int, version: int = 1, shadow: int = 2) -> None:
        """Waits until so many copies came to this."""
        wait_until(lambda: self.outcomes(outcome, version, shadow) >= count, what=f"{count} x {outcome}")

    def asked(self, version: int) -> list[tuple[str, int, dict[str, str]]]:
        """What a version was asked, but for its card: signature, pictures, metadata."""
        told = [(signature, count, data) for of, signature, count, data in self.serving.requests if of == version]
        return [each for each in told if each[0] != "describe"]


@pytest.fixture
def shadowed(serving: FakeServing, tmp_path: Path) -> Iterator[Shadowed]:
    """A gateway before versions 1, 2 and 3; version 2 is the shadow."""
    with ExitStack() as stack:
        one = Shadowed(serving, tmp_path / "models", stack)
        one.repository.mkdir()
        cards = serving.models["digits"].cards
        cards[3] = cards[1]
        one.release()
        yield one
