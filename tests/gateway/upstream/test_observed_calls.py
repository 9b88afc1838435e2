"""What is told of the calls that concurrent requests share: their sizes, and a trace that goes along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from contract.aio import AsyncServingClient
from contract.messages import SERVING_DEFAULT, ModelSpec
from gateway.upstream.coalescer import Coalesced, Coalescer
from gateway.upstream.model_server import Deadline
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.upstream.waiting import until
from tests.loops import run

TRACES = [(("traceparent", f"00-{'a' * 31}{number}-{'b' * 16}-01"),) for number in range(3)]


def test_each_call_is_told_with_its_size_and_takes_the_first_trace_along() -> None:
    told: list[tuple[str, int]] = []
    model = FakeModel({1: card()})

    async def scenario(server: FakeServing) -> None:
        async with AsyncServingClient(server.address, timeout_s=20) as client:
            coalescer = Coalescer(client, max_batch=4, max_calls=1, on_call=lambda *call: told.append(call))

            async def ask(count: int, trace: Sequence[tuple[str, str]] = ()) -> Coalesced:
                images = [np.zeros((8, 8, 1), np.uint8)] * count
                return await coalescer.predict(
                    ModelSpec("digits"), images, signature=SERVING_DEFAULT, deadline=Deadline(20), trace=trace
                )

            model.hold.clear()
            first = asyncio.create_task(ask(1, TRACES[0]))
            await until(lambda: len(server.requests) == 1)
            others = [asyncio.create_task(ask(1)), asyncio.create_task(ask(2, TRACES[1]))]
            others.append(asyncio.create_task(ask(1, TRACES[2])))
            await asyncio.sleep(0)
            model.hold.set()
            await asyncio.gather(first, *others)
        sent = [metadata.get("traceparent") for *_, metadata in server.requests]
        assert sent == [TRACES[0][0][1], TRACES[1][0][1]]

    with FakeServing(digits=model) as server:
        run(scenario(server))
        model.hold.set()
    assert told == [("digits", 1), ("digits", 4)]
