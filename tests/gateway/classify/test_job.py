"""A request's pictures within its time."""

from __future__ import annotations

import asyncio

import pytest

from contract.errors import DeadlineExceeded
from gateway.classify.answer import Upload
from gateway.classify.decoding import Decoder
from gateway.classify.job import Job, Limits, at_once
from tests.gateway.classify.test_decoding import PHOTO, SMALL, Held, decoding


async def groups_of(job: Job) -> None:
    async for _ in job.groups(SMALL):
        pass


def test_a_request_whose_pictures_take_too_long_to_decode_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(decoder: Decoder) -> None:
        held = Held(monkeypatch)
        job = Job(at_once([Upload("a", PHOTO)] * 3), decoder, Limits(9, 9, 0.2))
        with pytest.raises(DeadlineExceeded):
            await groups_of(job)
        job.close()
        held.free.set()
        await asyncio.to_thread(held.busy.wait, 10)
        assert len(held.begun) == 1

    async def inside() -> None:
        async with decoding() as decoder:
            await asked(decoder)

    asyncio.run(inside())
