"""What bounds the copies, seen from inside one event loop: users come first, and memory stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.aio import AsyncServingClient
from contract.card import ImageSpec, ModelCard
from contract.errors import ServableNotFound
from contract.messages import ModelSpec, Prediction
from contract.release import FILE_NAME, ModelRelease, Release
from gateway.classify.answer import Answer, Question, Scores, Upload
from gateway.observe.metrics import Metrics
from gateway.observe.shadows import ShadowMetrics
from gateway.settings.settings import Settings
from gateway.shadow.asker import TRIES
from gateway.shadow.mirror import Mirror
from gateway.versions.releases import ReleaseWatcher
from gateway.versions.resolve import Resolved, Wanted
from tests.gateway.conftest import png
from tests.gateway.fake_serving import DIGITS, FakeModel, FakeServing, card, probabilities
from tests.gateway.observe.samples import samples
from tests.gateway.upstream.waiting import until
from tests.loops import run

SIDE = 224
PIXELS = np.full((SIDE, SIDE, 3), 128, np.uint8)
BIG = card(image=ImageSpec(SIDE, SIDE, 3))


class SeeingClient(AsyncServingClient):
    """A client that remembers the shapes of the pictures it asked about; so many calls meet a replica without it."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.shapes: list[tuple[int, ...]] = []
        self.misses = 0

    async def predict(self, spec: ModelSpec, inputs: Mapping[str, NDArray[Any]], **options: Any) -> Prediction:
        """Asks."""
        if self.misses:
            self.misses -= 1
            raise ServableNotFound("Servable not found for request")
        self.shapes += [pictures.shape for name, pictures in inputs.items() if name == "images"]
        return await super().predict(spec, inputs, **options)


class Bench:
    """A mirror, and what it depends on."""

    def __init__(
        self, model: FakeModel, client: SeeingClient, repository: Path, chance: Iterator[float], **environ: str
    ) -> None:
        self.model = model
        self.client = client
        self.busy = self.away = False
        self.metrics = Metrics()
        self.mirror = Mirror(
            Settings.from_env(environ),
            client,
            ReleaseWatcher(repository),
            ShadowMetrics(self.metrics),
            busy=lambda: self.busy,
            away=lambda: self.away,
            chance=lambda: next(chance),
        )

    def offer(self, data: bytes = b"no picture", pixels: NDArray[np.uint8] = PIXELS, spec: ModelCard = BIG) -> None:
        """Tells of an answered request with one picture."""
        result = Scores(probabilities(pixels[np.newaxis], len(DIGITS))[0])
        answer = Answer(Resolved("digits", 1), spec, (Upload("a.png", data),), (result,), predict_ms=1.0)
        self.mirror.offer(answer, Question(Wanted()), [pixels])

    def count(self, outcome: str) -> float:
        """How many copies came to this."""
        name = f'vitrine_shadow_requests_total{{model="digits",outcome="{outcome}",shadow="2",version="1"}}'
        return samples(self.metrics.exposition()).get(name, 0.0)


Work = Callable[[Bench], Awaitable[None]]
Try = Callable[..., None]


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """Runs work with a mirror; keywords are environment variables."""

    def begin(work: Work, percent: float = 100.0, chance: Iterator[float] | None = None, **environ: str) -> None:
        state = ModelRelease((1, 2), {"stable": 1}, shadow=2, shadow_percent=percent)
        (tmp_path / FILE_NAME).write_text(Release({"digits": state}).to_json())
        run(within(work, chance or cycle([0.0]), environ))

    async def within(work: Work, chance: Iterator[float], environ: dict[str, str]) -> None:
        model = FakeModel({2: BIG})
        with FakeServing(digits=model) as server:
            async with SeeingClient(server.address) as client:
                bench = Bench(model, client, tmp_path, chance, **environ)
                await work(bench)
                await bench.mirror.close()
                assert bench.mirror.held_bytes == 0

    return begin


@pytest.mark.parametrize("percent", [0, 0.5, 37, 99.5, 100])
def test_each_request_has_the_same_chance(attempt: Try, percent: float) -> None:
    async def work(bench: Bench) -> None:
        bench.away = True
        for _ in range(1000):
            bench.offer()
        assert bench.count("dropped") == max(0, percent * 10 - 100)

    attempt(work, percent, iter(number / 1000 for number in range(1000)), VITRINE_SHADOW_BYTES=str(1 << 30))


def test_pixels_are_not_decoded_again(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        bench.offer(png(128))
        await until(lambda: bench.count("ok") == 1)
        bench.offer(b"these bytes are no picture")
        await until(lambda: bench.count("ok") == 2)
        assert bench.client.shapes == [(1, SIDE, SIDE, 3)] * 2

    attempt(work)


def test_a_shadow_of_another_size_has_the_files_decoded_for_it(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        bench.model.cards[2] = card(image=ImageSpec(32, 48, 1))
        for size in (8, 2000):
            bench.offer(png(128, size))
            await until(lambda: len(bench.client.shapes) == 1)
            assert bench.client.shapes.pop() == (1, 32, 48, 1)
        await until(lambda: bench.count("ok") == 2)
        bench.offer(b"these bytes are no picture")
        await until(lambda: bench.count("dropped") == 1)

    attempt(work)


def test_a_replica_without_the_version_is_not_held_against_it(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        for count in (1, 2):
            bench.client.misses = TRIES - 1
            bench.offer(png(128))
            await until(lambda: bench.count("ok") == count)  # noqa: B023  awaited before the next turn
        bench.client.misses = TRIES
        bench.offer(png(128))
        await until(lambda: bench.count("failed") == 1)

    attempt(work)


def test_a_picture_that_takes_much_memory_to_decode_is_not_decoded_for_a_copy(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        bench.model.cards[2] = card(image=ImageSpec(32, 48, 1))
        # Only its decoder could tell the size of such a file.
        bench.offer(b"....ftypavif")
        await until(lambda: bench.count("dropped") == 1)

    attempt(work)


def test_nothing_is_asked_before_the_callers_turn_is_over_nor_while_the_server_is_away(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        bench.away = True
        bench.offer(png(128))
        assert bench.mirror.held_bytes > 0
        for _ in range(3):
            await asyncio.sleep(0)
        assert bench.client.shapes == []
        bench.away = False
        await until(lambda: bench.count("ok") == 1)

    attempt(work)


def test_beside_users_copies_go_one_at_a_time_with_rests(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.shadow.pace.BUSY_SHARE", 1e-9)

    async def work(bench: Bench) -> None:
        bench.busy = True
        bench.model.hold.clear()
        for _ in range(5):
            bench.offer(png(128))
        await until(lambda: len(bench.client.shapes) == 1)
        bench.model.hold.set()
        await until(lambda: bench.count("ok") == 1)
        # The rest of it waits as long as users are there.
        assert len(bench.client.shapes) == 1
        bench.busy = False
        await until(lambda: bench.count("ok") == 5)

    attempt(work)


def test_thousands_of_large_requests_for_a_shadow_that_hangs_hold_what_was_set_aside(attempt: Try) -> None:
    most = 4 << 20

    async def work(bench: Bench) -> None:
        bench.offer(png(128))
        await until(lambda: bench.count("ok") == 1)
        bench.model.hold.clear()
        for number in range(3000):
            bench.offer(bytes(1000), PIXELS.copy())
            assert bench.mirror.held_bytes <= most
            if number % 100 == 0:
                await asyncio.sleep(0)
        fits = most // PIXELS.nbytes
        assert 3000 - fits <= bench.count("dropped") <= 3000 - fits + 2
        bench.model.hold.set()
        await until(lambda: bench.count("ok") + bench.count("dropped") == 3001)
        assert bench.mirror.held_bytes == 0

    attempt(work, VITRINE_SHADOW_BYTES=str(most))


def test_a_copy_keeps_no_rows_but_its_own_alive(attempt: Try) -> None:
    async def work(bench: Bench) -> None:
        bench.away = True
        wide = np.zeros((32, 100_000), np.float32)
        described = replace(BIG, labels=tuple(map(str, range(100_000))))
        result = Scores(wide[0])
        answer = Answer(Resolved("digits", 1), described, (Upload("a.png", b"x"),), (result,))
        bench.mirror.offer(answer, Question(Wanted()), [PIXELS])
        assert wide[0].nbytes < bench.mirror.held_bytes < 2 * wide[0].nbytes

    attempt(work)


def test_a_mistake_in_copying_is_nobodys_error(attempt: Try, caplog: pytest.LogCaptureFixture) -> None:
    async def work(bench: Bench) -> None:
        result = Scores(np.ones(10, np.float32))
        answer = Answer(Resolved("digits", 1), BIG, (Upload("a.png", b"x"),), (result,))
        bench.mirror.offer(answer, Question(Wanted()), [])

    attempt(work)
    assert [record.message for record in caplog.records] == ["A request could not be copied to the shadow version"]
