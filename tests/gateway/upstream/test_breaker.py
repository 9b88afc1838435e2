"""The circuit breaker before a real gRPC server that goes and returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from contract.aio import AsyncServingClient
from contract.errors import DeadlineExceeded, ModelServerUnavailable, ServableNotFound
from contract.messages import ModelSpec, Prediction, VersionStatus
from gateway.upstream.breaker import MAX_FAILURES_IN_A_ROW, Breaker
from tests.gateway.fake_serving import FakeModel, FakeServing, Whims, card
from tests.gateway.upstream.waiting import until
from tests.loops import run

DIGITS = ModelSpec("digits")
IMAGES = {"images": np.zeros((1, 8, 8, 1), np.uint8)}


class CountingClient(AsyncServingClient):
    """Counts the predictions that are asked of it."""

    asked = 0

    async def predict(self, *args: Any, **options: Any) -> Prediction:
        self.asked += 1
        return await super().predict(*args, **options)


@asynccontextmanager
async def guarded(
    target: str, kind: type[CountingClient] = CountingClient
) -> AsyncIterator[tuple[Breaker, CountingClient]]:
    async with kind(target, timeout_s=20) as client:
        breaker = Breaker(client)
        yield breaker, client
        await breaker.close()


async def fails(breaker: Breaker, kind: type[Exception], spec: ModelSpec = DIGITS, **options: Any) -> None:
    with pytest.raises(kind):
        await breaker.predict(spec, IMAGES, **options)


def test_it_passes_on_what_is_asked_and_answered() -> None:
    async def scenario() -> None:
        with FakeServing(digits=FakeModel({3: card()})) as server:
            async with guarded(server.address) as (breaker, _):
                prediction = await breaker.predict(
                    DIGITS, IMAGES, signature="explain", metadata=[("x-request-id", "abc")]
                )
                assert (prediction.version, set(prediction.outputs)) == (3, {"probabilities", "heatmaps"})
                assert (await breaker.describe(DIGITS)).version == 3
                assert [status.version for status in await breaker.status(DIGITS)] == [3]
                assert server.requests[0][3]["x-request-id"] == "abc"

    run(scenario())


def test_while_nobody_answers_callers_are_turned_away_without_asking(free_port: Callable[[], int]) -> None:
    async def scenario() -> None:
        async with guarded(f"127.0.0.1:{free_port()}") as (breaker, client):
            await fails(breaker, ModelServerUnavailable)
            assert breaker.is_open
            for _ in range(100):
                await fails(breaker, ModelServerUnavailable)
            assert client.asked == 1

    run(scenario())


def test_it_opens_without_a_failed_call_once_the_connection_is_known_to_be_gone() -> None:
    async def scenario() -> None:
        with FakeServing(digits=FakeModel({1: card()})) as server:
            async with guarded(server.address) as (breaker, client):
                await breaker.predict(DIGITS, IMAGES)
                server.stop()
                await until(lambda: not client.reachable())
                await fails(breaker, ModelServerUnavailable)
                assert client.asked == 1

    run(scenario())


def test_it_closes_when_the_server_returns_although_nobody_asks() -> None:
    async def scenario() -> None:
        with FakeServing(digits=FakeModel({1: card()})) as server:
            async with guarded(server.address) as (breaker, _):
                await breaker.predict(DIGITS, IMAGES)
                server.stop()
                await fails(breaker, ModelServerUnavailable)
                assert breaker.is_open
                server.start()
                await until(lambda: not breaker.is_open)
                await breaker.predict(DIGITS, IMAGES)

    run(scenario())


def test_what_the_server_answers_and_deadlines_do_not_open_it() -> None:
    async def scenario() -> None:
        model = FakeModel({1: card()})
        with FakeServing(digits=model) as server:
            async with guarded(server.address) as (breaker, _):
                for _ in range(MAX_FAILURES_IN_A_ROW):
                    await fails(breaker, ServableNotFound, ModelSpec("letters"))
                model.hold.clear()
                for _ in range(MAX_FAILURES_IN_A_ROW):
                    await fails(breaker, DeadlineExceeded, timeout_s=0.05)
                model.hold.set()
                assert not breaker.is_open

    run(scenario())


class Mute(CountingClient):
    """Nobody answers what it asks for as status."""

    async def status(self, *_: Any, **_options: Any) -> list[VersionStatus]:
        raise ModelServerUnavailable("as the test wished")


def test_where_connections_stand_only_several_failures_in_a_row_and_a_silent_server_open_it() -> None:
    async def scenario() -> None:
        model = FakeModel({1: card()})
        with FakeServing(digits=model) as server:
            async with guarded(server.address, Mute) as (breaker, _):
                for fault in (*[grpc.StatusCode.UNAVAILABLE] * (MAX_FAILURES_IN_A_ROW - 1), None) * 2:
                    model.fault = fault
                    if fault is None:
                        await breaker.predict(DIGITS, IMAGES)
                    else:
                        await fails(breaker, ModelServerUnavailable)
                    assert not breaker.is_open
                model.fault = grpc.StatusCode.UNAVAILABLE
                for _ in range(MAX_FAILURES_IN_A_ROW):
                    await fails(breaker, ModelServerUnavailable)
                await until(lambda: breaker.is_open)

    run(scenario())


def test_one_version_that_turns_everybody_away_does_not_keep_them_from_another() -> None:
    async def scenario() -> None:
        model = FakeModel({1: card(), 2: card()}, of_version={2: Whims(fault=grpc.StatusCode.UNAVAILABLE)})
        with FakeServing(digits=model) as server:
            async with guarded(server.address) as (breaker, _):
                for _ in range(3):
                    failing = (fails(breaker, ModelServerUnavailable, ModelSpec("digits", version=2)) for _ in range(5))
                    await asyncio.gather(*failing)
                    assert (await breaker.predict(ModelSpec("digits", version=1), IMAGES)).version == 1

    run(scenario())


def test_one_dead_replica_of_two_costs_no_request() -> None:
    async def scenario() -> None:
        with FakeServing(digits=FakeModel({1: card()})) as one, FakeServing(digits=FakeModel({1: card()})) as two:
            async with guarded(f"ipv4:{one.address},{two.address}") as (breaker, _):
                await breaker.predict(DIGITS, IMAGES)
                one.stop()
                for _ in range(50):
                    await breaker.predict(DIGITS, IMAGES)
                assert not breaker.is_open

    run(scenario())
