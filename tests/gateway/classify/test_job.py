"""A request's pictures within its time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from contract.errors import DeadlineExceeded
from gateway.classify.answer import Upload
from gateway.classify.decoding import Decoder
from gateway.classify.job import Job, Limits, at_once
from tests.contract.pictures import encoded, smooth
from tests.gateway.classify.test_decoding import PHOTO, SMALL, Held, decoded, run

OTHER = encoded(smooth(299, 400), "JPEG")


async def groups_of(job: Job) -> None:
    async for _ in job.groups(SMALL):
        pass


def test_a_request_whose_pictures_take_too_long_to_decode_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(decoder: Decoder) -> None:
        held = Held(monkeypatch)
        job = Job(at_once([Upload("a", PHOTO)] * 3), decoder, Limits(9, 9, 0.2))
        with pytest.raises(DeadlineExceeded):
            await groups_of(job)
        job.close()
        await asyncio.sleep(0)  # A future that is cancelled tells its thread in the next turn of the loop.
        held.free.set()
        assert isinstance(await decoded(decoder, OTHER), np.ndarray)
        assert held.begun == [PHOTO, OTHER]

    run(test)
