"""Concurrent requests that share calls to a real gRPC server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from contract.aio import AsyncServingClient
from contract.errors import DeadlineExceeded, InvalidRequest, ModelServerUnavailable
from contract.messages import SERVING_DEFAULT, ModelSpec
from gateway.upstream import coalescer
from gateway.upstream.coalescer import MAX_FULL_CALLS, Coalesced, Coalescer
from gateway.upstream.model_server import Deadline
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.upstream.waiting import until
from tests.loops import run

DIGITS = ModelSpec("digits")


def pictures(digits: Sequence[int], size: int = 8) -> list[NDArray[np.uint8]]:
    """Pictures that the fake model takes for these digits."""
    return [np.full((size, size, 1), 13 + 25 * digit, np.uint8) for digit in digits]


def digits_in(answer: Coalesced) -> list[int]:
    found: list[int] = answer.prediction.outputs["probabilities"].argmax(axis=1).tolist()
    return found


@dataclass
class Stage:
    """A server, its model, and a coalescer that asks it."""

    server: FakeServing
    model: FakeModel
    coalescer: Coalescer

    def ask(self, *digits: int, size: int = 8, spec: ModelSpec = DIGITS, **options: Any) -> asyncio.Task[Coalesced]:
        """Sends a request for pictures of these digits."""
        options = {"signature": SERVING_DEFAULT, "deadline": Deadline(20), **options}
        return asyncio.create_task(self.coalescer.predict(spec, pictures(digits, size), **options))

    async def arrived(self, calls: int) -> None:
        """Returns when so many calls have come to the server."""
        await until(lambda: len(self.server.requests) >= calls)

    async def hold_one(self, digit: int = 0) -> asyncio.Task[Coalesced]:
        """Sends a request whose call stays at the server until `model.hold` is set; what follows has to wait."""
        self.model.hold.clear()
        request = self.ask(digit)
        await self.arrived(1)
        return request

    @property
    def batches(self) -> list[int]:
        """The sizes of the calls that came."""
        return [size for _, _, size, _ in self.server.requests]


@asynccontextmanager
async def stage(**limits: Any) -> AsyncIterator[Stage]:
    model = FakeModel({1: card(), 2: card()})
    with FakeServing(digits=model) as server:
        async with AsyncServingClient(server.address, timeout_s=20) as client:
            yield Stage(server, model, Coalescer(client, **({"max_batch": 4, "max_calls": 1} | limits)))
        model.hold.set()


def test_a_lone_request_goes_at_once() -> None:
    async def scenario() -> None:
        async with stage() as on:
            answer = await on.ask(3, 9, signature="explain", request_id="abc")

            assert digits_in(answer) == [3, 9]
            assert len(answer.prediction.outputs["heatmaps"]) == 2
            ((version, signature, size, metadata),) = on.server.requests
            assert (version, signature, size, metadata["x-request-id"]) == (2, "explain", 2, "abc")

    run(scenario())


def test_requests_that_come_while_a_call_is_out_leave_together_when_it_returns() -> None:
    async def scenario() -> None:
        async with stage() as on:
            first = await on.hold_one(7)
            others = [on.ask(digit, request_id=f"r{digit}") for digit in range(6)]
            await asyncio.sleep(0)
            on.model.hold.set()

            assert digits_in(await first) == [7]
            answers = await asyncio.gather(*others)
            assert [digits_in(answer) for answer in answers] == [[digit] for digit in range(6)]
            assert on.batches == [1, 4, 2]
            assert [metadata["x-request-id"] for *_, metadata in on.server.requests[1:]] == ["r0,r1,r2,r3", "r4,r5"]
            assert min(answer.waited_s for answer in answers) > first.result().waited_s

    run(scenario())


def test_more_pictures_than_a_batch_holds_go_in_several_calls_and_come_back_in_order() -> None:
    async def scenario() -> None:
        async with stage() as on:
            answer = await on.ask(*range(10))

            assert digits_in(answer) == list(range(10))
            assert sorted(on.batches) == [2, 4, 4]

    run(scenario())


def test_a_small_request_does_not_wait_for_the_end_of_a_huge_one() -> None:
    async def scenario() -> None:
        async with stage() as on:
            first = await on.hold_one()
            huge, small = on.ask(*[1] * 40, request_id="huge"), on.ask(2, request_id="small")
            await asyncio.sleep(0)
            on.model.hold.set()
            await asyncio.gather(first, huge, small)

            ids = [metadata.get("x-request-id", "") for *_, metadata in on.server.requests]
            assert len(ids) >= 11
            # Calls that are out at once may arrive in any order.
            assert "small,huge" in ids[1 : 1 + MAX_FULL_CALLS]

    run(scenario())


def test_pictures_wait_for_company_while_calls_are_short() -> None:
    async def scenario() -> None:
        async with stage(max_calls=3) as on:
            requests = [await on.hold_one(), on.ask(1), on.ask(2)]
            await asyncio.sleep(0.01)
            on.model.hold.set()
            await asyncio.gather(*requests)
            assert on.batches == [1, 2]

    run(scenario())


def test_once_calls_are_long_they_wait_only_while_so_many_are_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "LONG_CALL_S", -1)

    async def scenario() -> None:
        async with stage(max_calls=3) as on:
            on.model.hold.clear()
            requests = []
            for digit in range(3):
                requests.append(on.ask(digit))
                await on.arrived(digit + 1)
            requests += [on.ask(3), on.ask(4)]
            await asyncio.sleep(0)
            on.model.hold.set()

            assert [digits_in(answer)[0] for answer in await asyncio.gather(*requests)] == list(range(5))
            assert on.batches == [1, 1, 1, 2]

    run(scenario())


def test_full_batches_wait_for_nobody_but_leave_the_server_some_peace() -> None:
    async def scenario() -> None:
        async with stage() as on:
            requests = [await on.hold_one(), on.ask(*[1] * 23)]
            await on.arrived(MAX_FULL_CALLS)
            assert on.batches == [1, 4, 4, 4]
            on.model.hold.set()

            assert digits_in((await asyncio.gather(*requests))[1]) == [1] * 23
            assert sorted(on.batches) == [1, 3, 4, 4, 4, 4, 4]

    run(scenario())


def test_only_the_same_servable_signature_and_size_share_a_call() -> None:
    async def scenario() -> None:
        async with stage() as on:
            on.model.hold.clear()
            requests = [
                on.ask(1),
                on.ask(1, spec=ModelSpec("digits", version=1)),
                on.ask(1, signature="explain"),
                on.ask(1, size=16),
            ]
            await on.arrived(4)
            on.model.hold.set()
            await asyncio.gather(*requests)

            assert on.batches == [1, 1, 1, 1]

    run(scenario())


def test_who_gives_up_while_waiting_takes_the_pictures_along() -> None:
    async def scenario() -> None:
        async with stage() as on:
            first = await on.hold_one()
            cancelled, late, patient = on.ask(1), on.ask(2, deadline=Deadline(0.05)), on.ask(3)
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(DeadlineExceeded):
                await late
            on.model.hold.set()

            assert digits_in(await patient) == [3]
            await first
            assert cancelled.cancelled()
            assert on.batches == [1, 1]

    run(scenario())


def test_who_gives_up_during_a_call_does_not_harm_those_who_share_it() -> None:
    async def scenario() -> None:
        async with stage() as on:
            on.model.hold.clear()
            cancelled, late, patient = on.ask(1), on.ask(2, deadline=Deadline(0.3)), on.ask(3)
            await on.arrived(1)
            cancelled.cancel()
            with pytest.raises(DeadlineExceeded):
                await late
            on.model.hold.set()

            assert digits_in(await patient) == [3]
            assert on.batches == [3]

    run(scenario())


def test_a_call_that_nobody_waits_for_any_more_makes_room_for_the_next() -> None:
    async def scenario() -> None:
        async with stage() as on:
            first = await on.hold_one()
            second = on.ask(2)
            await asyncio.sleep(0)
            first.cancel()
            await on.arrived(2)
            on.model.hold.set()

            assert digits_in(await second) == [2]

    run(scenario())


def test_nobody_suffers_for_anothers_pictures() -> None:
    async def scenario() -> None:
        async with stage() as on:
            on.model.poison = int(pictures([5])[0][0, 0, 0])
            first = await on.hold_one()
            good, bad, other = on.ask(1), on.ask(5), on.ask(2, 3)
            await asyncio.sleep(0)
            on.model.hold.set()

            with pytest.raises(InvalidRequest, match="a poisoned picture"):
                await bad
            assert [digits_in(answer) for answer in await asyncio.gather(first, good, other)] == [[0], [1], [2, 3]]
            assert on.batches == [1, 4, 1, 1, 2]

    run(scenario())


def test_a_call_that_no_server_answers_fails_for_all_at_once() -> None:
    async def scenario() -> None:
        async with stage() as on:
            first = await on.hold_one()
            others = [on.ask(digit) for digit in range(3)]
            await asyncio.sleep(0)
            on.model.fault = grpc.StatusCode.UNAVAILABLE
            on.model.hold.set()

            await first
            errors = await asyncio.gather(*others, return_exceptions=True)
            assert [type(error) for error in errors] == [ModelServerUnavailable] * 3
            # One call and its retries.
            assert on.batches == [1, *[3] * 5]

    run(scenario())


@pytest.mark.parametrize("images", [[], [*pictures([1]), *pictures([1], size=16)]], ids=["none", "of two shapes"])
def test_pictures_that_cannot_form_a_batch_are_refused(images: list[NDArray[np.uint8]]) -> None:
    async def scenario() -> None:
        async with stage() as on:
            with pytest.raises(ValueError, match=r"Expected pictures of one shape. Received: "):
                await on.coalescer.predict(DIGITS, images, signature=SERVING_DEFAULT, deadline=Deadline(1))

    run(scenario())


@pytest.mark.parametrize("max_calls", [1, 3])
def test_in_a_crowd_where_many_give_up_everybody_else_gets_the_own_answer(max_calls: int) -> None:
    async def scenario() -> None:
        chance = random.Random(max_calls)
        async with stage(max_calls=max_calls) as on:

            async def user() -> None:
                for _ in range(12):
                    wanted = [chance.randrange(10) for _ in range(chance.choice([1, 1, 2, 9]))]
                    request = on.ask(*wanted)
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    if chance.random() < 0.3:
                        request.cancel()
                    (answer,) = await asyncio.gather(request, return_exceptions=True)
                    assert request.cancelled() or digits_in(answer) == wanted  # type: ignore[arg-type]

            await asyncio.gather(*(user() for _ in range(20)))
            assert max(on.batches) <= 4

    run(scenario())
