"""Which version answers, and what happens when it goes away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.aio import AsyncServingClient
from contract.card import ImageSpec, ModelCard
from contract.errors import DeadlineExceeded
from contract.messages import ModelSpec
from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from gateway.classify.answer import Answer, Question, Upload
from gateway.classify.decoding import Decoded, Decoder
from gateway.classify.job import at_once
from gateway.classify.pipeline import Classifier
from gateway.settings.settings import Settings
from gateway.upstream.coalescer import Coalescer
from gateway.upstream.model_server import Deadline
from gateway.versions.cards import MAX_CARDS, CardCache
from gateway.versions.releases import ReleaseWatcher
from gateway.versions.resolve import Resolver, Wanted
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.posting import post
from tests.loops import run
from tests.processes import wait_until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    release(folder, (1, 2), stable=1)
    return folder


def release(repository: Path, versions: tuple[int, ...], **labels: int) -> None:
    """Writes release.json as an operator's tool does."""
    state = Release({"digits": ModelRelease(versions, labels)})
    write_atomically(repository / FILE_NAME, state.to_json())


def answered(client: Client, **options: str) -> dict[str, object]:
    answer = post(client, png(0), **options)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()["model"]
    return found


def refused(client: Client, **options: str) -> tuple[int, str, str]:
    answer = post(client, png(0), **options)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_without_a_release_the_latest_answers(client: Client) -> None:
    assert answered(client) == {"name": "digits", "version": 2, "label": None}


def test_the_stable_version_of_the_release_answers(make_client: MakeClient, repository: Path) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository), VITRINE_MODELS="")
    assert answered(client) == {"name": "digits", "version": 1, "label": "stable"}


def test_a_changed_release_is_read_again(make_client: MakeClient, repository: Path) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository))
    assert answered(client)["version"] == 1
    release(repository, (1, 2), stable=2)
    assert answered(client)["version"] == 2


def test_a_release_that_cannot_be_read_leaves_the_last_one_in_force(
    make_client: MakeClient, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository))
    assert answered(client)["version"] == 1
    write_atomically(repository / FILE_NAME, "{")
    assert answered(client)["version"] == 1
    assert answered(client)["version"] == 1
    assert len([record for record in caplog.records if "release.json cannot be read" in record.message]) == 1


def test_a_stable_version_that_is_not_served_gives_way_to_the_latest(
    make_client: MakeClient, repository: Path, serving: FakeServing
) -> None:
    release(repository, (1, 2, 3), stable=3)
    client = make_client(MODEL_REPOSITORY=str(repository))
    assert answered(client) == {"name": "digits", "version": 2, "label": None}
    serving.models["digits"].cards[3] = card()
    wait_until(lambda: answered(client)["version"] == 3, what="version 3")


def test_a_version_that_is_named_answers(client: Client) -> None:
    assert answered(client, version="1")["version"] == 1


def test_a_label_is_looked_up_in_the_release_and_else_asked_of_the_server(
    make_client: MakeClient, repository: Path
) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository))
    assert answered(client, label="stable") == {"name": "digits", "version": 1, "label": "stable"}
    assert answered(client, label="canary") == {"name": "digits", "version": 2, "label": "canary"}


def test_unknown_names_give_404_and_list_the_known_ones(make_client: MakeClient, repository: Path) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository), VITRINE_MODELS="photos")
    assert refused(client, model="nope") == (
        404, "unknown_model", "Expected a known model (photos, digits). Received: 'nope'",
    )  # fmt: skip
    assert refused(client, model="digits", version="9") == (
        404, "unknown_version", "Expected a loaded version of digits (2, 1). Received: 9",
    )  # fmt: skip
    assert refused(client, model="digits", label="beta") == (
        404, "unknown_label", "Expected a label of digits (stable). Received: 'beta'",
    )  # fmt: skip
    assert refused(client, model="nope", version="1")[1] == "unknown_model"
    assert refused(client, model="nope", label="stable")[1] == "unknown_model"


def test_a_known_model_with_nothing_loaded_gives_503(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards.clear()
    assert refused(client)[:2] == (503, "model_not_ready")


def test_no_model_at_all_gives_503_and_says_what_to_do(make_client: MakeClient) -> None:
    status, code, message = refused(make_client(VITRINE_MODELS=""))
    assert (status, code) == (503, "model_not_ready")
    assert "VITRINE_MODELS" in message


def test_the_default_model_may_be_chosen(make_client: MakeClient, serving: FakeServing) -> None:
    serving.models["shades"] = FakeModel({1: card("shades")})
    assert answered(make_client(VITRINE_DEFAULT_MODEL="shades"))["name"] == "shades"


class CountingDecoder(Decoder):
    """Counts how often it decodes."""

    calls = 0

    def begin(self, upload: Upload, spec: ImageSpec) -> Decoded | asyncio.Future[Decoded]:
        self.calls += 1
        return super().begin(upload, spec)


def test_a_version_that_goes_away_after_resolving_costs_a_retry_without_decoding_again(
    serving: FakeServing, settings: Settings
) -> None:
    async def classify_twice() -> tuple[Answer, Answer, int]:
        async with AsyncServingClient(serving.address) as client:
            cards = CardCache(client)
            resolver = Resolver(settings, client, ReleaseWatcher(None), cards)
            decoder = CountingDecoder(settings)
            classifier = Classifier(settings, Coalescer(client, max_batch=32), resolver, cards, decoder)
            before = await classifier.classify(at_once([Upload("a.png", png(0))]), Question(Wanted()))
            # Version 2 is remembered as the latest now, and gone.
            del serving.models["digits"].cards[2]
            after = await classifier.classify(at_once([Upload("a.png", png(0))]), Question(Wanted()))
            return before, after, decoder.calls

    before, after, calls = run(classify_twice())
    assert (before.resolved.version, before.retries) == (2, 0)
    assert (after.resolved.version, after.retries, calls) == (1, 1, 2)


def test_a_version_that_the_caller_named_is_never_replaced(client: Client, serving: FakeServing) -> None:
    assert answered(client, version="2")["version"] == 2
    del serving.models["digits"].cards[2]
    assert refused(client, version="2")[:2] == (404, "unknown_version")


def test_cards_are_asked_for_once_and_bounded(serving: FakeServing) -> None:
    serving.models["digits"].cards = {version: card() for version in range(1, MAX_CARDS + 2)}

    async def asked_after(*versions: int) -> list[int]:
        async with AsyncServingClient(serving.address) as client:
            cards, counts = CardCache(client), []
            for version in versions:
                await cards.get("digits", version, Deadline(5))
                counts.append(len(serving.requests))
            return counts

    counts = run(asked_after(1, 1, *range(2, MAX_CARDS + 1), 1, MAX_CARDS + 1, 1, 2))
    assert counts[:2] == [1, 1]
    assert counts[-4:] == [MAX_CARDS, MAX_CARDS + 1, MAX_CARDS + 1, MAX_CARDS + 2]


def test_many_who_wait_for_one_card_ask_for_it_once(serving: FakeServing) -> None:
    async def get_together() -> set[int | None]:
        async with AsyncServingClient(serving.address) as client:
            cards = CardCache(client)
            found = await asyncio.gather(*(cards.get("digits", 2, Deadline(5)) for _ in range(20)))
            return {one.version for one in found}

    assert run(get_together()) == {2}
    assert len(serving.requests) == 1


def test_one_who_is_in_a_hurry_does_not_hurry_those_who_wait_with_him(serving: FakeServing) -> None:
    class Slow(AsyncServingClient):
        async def describe(self, spec: ModelSpec, *, timeout_s: float | None = None) -> ModelCard:
            await asyncio.sleep(0.2 if timeout_s is None else timeout_s)
            return await super().describe(spec, timeout_s=timeout_s)

    async def ask() -> tuple[object, ...]:
        async with Slow(serving.address) as client:
            cards = CardCache(client)
            return tuple(
                await asyncio.gather(
                    *(cards.get("digits", 1, Deadline(within_s)) for within_s in (0.05, 10)), return_exceptions=True
                )
            )

    hurried, patient = run(ask())
    assert isinstance(hurried, DeadlineExceeded)
    assert isinstance(patient, ModelCard)


def test_a_card_that_contradicts_the_answers_is_asked_for_again(client: Client, serving: FakeServing) -> None:
    assert answered(client)["version"] == 2
    replaced: ModelCard = card(labels=("no", "yes"))
    serving.models["digits"].cards[2] = replaced
    assert refused(client)[:2] == (502, "bad_model_answer")
    assert answered(client)["version"] == 2


def test_the_latest_is_asked_for_at_most_every_half_second(client: Client, serving: FakeServing) -> None:
    for _ in range(5):
        answered(client)
    assert [request[1] for request in serving.requests].count("describe") <= 2
