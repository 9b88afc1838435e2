"""Uploaded bytes become arrays or refusals, in the event loop or beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from contract import images
from contract.card import ImageSpec, SubjectSpec
from gateway.classify.answer import Refusal, Upload
from gateway.classify.decoding import TOO_LARGE, Decoder
from gateway.settings.settings import Settings
from tests import loops
from tests.contract.pictures import encoded, smooth

SMALL = ImageSpec(28, 28, 1)
PHOTO = encoded(smooth(300, 400), "JPEG")
OWN = encoded(smooth(28, 28)[..., 0].copy())


@asynccontextmanager
async def decoding(**changes: Any) -> AsyncIterator[Decoder]:
    decoder = Decoder(replace(Settings.from_env({}), decode_threads=1, **changes))
    try:
        yield decoder
    finally:
        decoder.close()


async def decoded(decoder: Decoder, data: bytes, spec: ImageSpec = SMALL) -> NDArray[np.uint8] | Refusal:
    outcome = decoder.begin(Upload("a", data), spec)
    return await outcome if isinstance(outcome, asyncio.Future) else outcome


def run(test: Callable[[Decoder], Awaitable[None]], **changes: Any) -> None:
    async def inside() -> None:
        async with decoding(**changes) as decoder:
            await test(decoder)

    loops.run(inside())


class Held:
    """Keeps a decoder's only thread busy until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[bytes] = []
        self.free = threading.Event()
        self.busy = threading.Event()
        self._decode = images.decode
        monkeypatch.setattr(images, "decode", self.decode)

    def decode(self, data: bytes, spec: ImageSpec, **options: Any) -> NDArray[np.uint8]:
        self.begun.append(data)
        self.busy.set()
        assert self.free.wait(30)
        return self._decode(data, spec, **options)


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        (OWN, SMALL),
        (OWN, ImageSpec(28, 28, 1, subject=SubjectSpec())),
        (encoded(smooth(32, 32), "JPEG"), ImageSpec(32, 32)),
    ],
)
def test_a_tiny_picture_is_decoded_at_once(data: bytes, spec: ImageSpec) -> None:
    async def test(decoder: Decoder) -> None:
        array = decoder.begin(Upload("a.png", data), spec)
        assert isinstance(array, np.ndarray)
        assert np.array_equal(array, images.decode(data, spec))

    run(test)


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        (PHOTO, SMALL),
        (OWN, ImageSpec(224, 224)),
        (encoded(smooth(30, 30)), ImageSpec(28, 28, 1, subject=SubjectSpec())),
        (encoded(smooth(28, 28), icc_profile=b"profile"), SMALL),
        (encoded(smooth(28, 28), "GIF"), SMALL),
        (encoded(smooth(28, 28), "TIFF"), SMALL),
        (encoded(smooth(28, 28), "JPEG", progressive=True), SMALL),
        (encoded(np.zeros((3000, 2000), np.uint8)), SMALL),
    ],
)
def test_whatever_may_take_longer_is_decoded_beside_the_event_loop(data: bytes, spec: ImageSpec) -> None:
    async def test(decoder: Decoder) -> None:
        future = decoder.begin(Upload("a", data), spec)
        assert isinstance(future, asyncio.Future)
        array = await future
        assert isinstance(array, np.ndarray)
        assert np.array_equal(array, images.decode(data, spec))

    run(test)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_image"),
        (b"hello", "unsupported_image"),
        (OWN[:60], "corrupt_image"),
        (PHOTO[:900], "corrupt_image"),
        (encoded(np.zeros((300, 400), np.uint8)), "image_too_large"),
        (b"\xff\xd8\xff" + bytes(70_000), "corrupt_image"),
        (bytes(100_001), TOO_LARGE),
    ],
)
def test_a_bad_file_has_its_own_reason(data: bytes, code: str) -> None:
    async def test(decoder: Decoder) -> None:
        refusal = await decoded(decoder, data)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
        assert refusal.message

    run(test, max_file_bytes=100_000, max_pixels=119_999 if code == "image_too_large" else 10**6)


def test_a_picture_that_is_given_up_while_it_waits_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    other = encoded(smooth(299, 400), "JPEG")

    async def test(decoder: Decoder) -> None:
        first, second, third = (decoder.begin(Upload("a", data), SMALL) for data in (PHOTO, other, PHOTO))
        assert isinstance(first, asyncio.Future)
        assert isinstance(second, asyncio.Future)
        assert isinstance(third, asyncio.Future)
        await asyncio.to_thread(held.busy.wait, 30)
        second.cancel()
        await asyncio.sleep(0)  # It tells its thread in the next turn of the loop.
        held.free.set()
        await asyncio.gather(first, third)

    run(test)
    assert held.begun == [PHOTO, PHOTO]


def test_what_may_take_much_memory_waits_in_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    heavy = encoded(np.zeros((4100, 4000), np.uint8))

    async def test(decoder: Decoder) -> None:
        first, second = (decoder.begin(Upload("a", heavy), SMALL) for _ in range(2))
        assert isinstance(first, asyncio.Future)
        assert isinstance(second, asyncio.Future)
        await asyncio.to_thread(held.busy.wait, 30)
        assert len(held.begun) == 1
        monkeypatch.undo()
        assert isinstance(await decoded(decoder, PHOTO), np.ndarray)
        assert not first.done()
        held.free.set()
        await asyncio.gather(first, second)

    run(test)


class Bytes(bytes):
    """Bytes that tell when nobody has them any more."""

    gone: ClassVar[list[int]] = []

    def __del__(self) -> None:
        self.gone.append(len(self))


def test_the_bytes_are_let_go_as_soon_as_they_are_decoded() -> None:
    async def test(decoder: Decoder) -> None:
        await decoded(decoder, Bytes(PHOTO))
        # The only thread has let go of the one before when it begins the next.
        await decoded(decoder, PHOTO)
        assert Bytes.gone == [len(PHOTO)]

    run(test)
