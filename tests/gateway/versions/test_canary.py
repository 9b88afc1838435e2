"""The canary gets its share and no more; whatever goes wrong with it, its callers get the stable version's answer."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from contract.card import ImageSpec, ModelCard
from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeModel, FakeServing, Outputs, Whims, card
from tests.gateway.observe.samples import samples
from tests.gateway.posting import post
from tests.processes import wait_until


def release(repository: Path, percent: float = 100.0, *, versions: tuple[int, ...] = (1, 2), **state: Any) -> None:
    """Writes release.json: 1 is stable, 2 the canary."""
    model = ModelRelease(versions, {"stable": 1, "canary": 2}, canary_percent=percent, **state)
    write_atomically(repository / FILE_NAME, Release({"digits": model}).to_json())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    release(folder)
    return folder


@pytest.fixture
def canaried(make_client: MakeClient, repository: Path) -> Client:
    """A client whose every request draws the canary."""
    return make_client(
        MODEL_REPOSITORY=str(repository), VITRINE_TRUSTED_PROXIES="127.0.0.1", VITRINE_TIMEOUT_S="10", VITRINE_MODELS=""
    )


@pytest.fixture
def whims(serving: FakeServing) -> Whims:
    """What the canary does beside answering."""
    return serving.models["digits"].of_version.setdefault(2, Whims())


def counted(client: Client, name: str, version: int, **labels: str) -> float:
    """The value of a metric of one version, 0 if there is none."""
    named = labels | {"model": "digits", "version": str(version)}
    text = ",".join(f'{key}="{named[key]}"' for key in sorted(named))
    return samples(client.get("/metrics").content).get(f"vitrine_{name}{{{text}}}", 0.0)


def outcomes(client: Client, version: int) -> dict[str, float]:
    """How often each outcome was a version's."""
    found = {name: counted(client, "answers_total", version, outcome=name) for name in ("ok", "failed", "refused")}
    return {name: count for name, count in found.items() if count}


def check_version(answer: requests.Response, version: int, label: str | None) -> None:
    """Fails unless the answer is this version's, and says so everywhere."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == {"name": "digits", "version": version, "label": label}
    assert answer.headers["X-Vitrine-Version"] == str(version)
    assert answer.headers["X-Vitrine-Model"] == "digits"


def from_address(client: Client, number: int, **options: Any) -> int:
    """The version that answers a client of some address."""
    headers = {"X-Forwarded-For": f"10.1.{number // 250}.{number % 250}"}
    answer = post(client, png(0), headers=headers, **options)
    assert answer.status_code == 200, answer.text
    return int(answer.headers["X-Vitrine-Version"])


def test_those_who_draw_the_canary_are_answered_by_it(canaried: Client) -> None:
    check_version(post(canaried, png(0)), 2, "canary")
    assert outcomes(canaried, 2) == {"ok": 1}
    assert outcomes(canaried, 1) == {}
    assert counted(canaried, "version_seconds_count", 2) == 1
    assert counted(canaried, "fallbacks_total", 2) == 0


def test_clients_stay_with_their_version_while_the_share_grows(canaried: Client, repository: Path) -> None:
    met: list[set[int]] = []
    for percent in (25, 60, 100):
        release(repository, percent)
        versions = {number: from_address(canaried, number) for number in range(12)}
        met.append({number for number, version in versions.items() if version == 2})
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(met))
    assert 0 < len(met[0]) < len(met[1]) < len(met[2]) == 12
    release(repository, 25)
    assert {number for number in range(12) if from_address(canaried, number) == 2} == met[0]


def test_requests_of_one_client_are_split_where_the_release_says_so(canaried: Client, repository: Path) -> None:
    release(repository, 50, split="request")
    versions = Counter(from_address(canaried, 1) for _ in range(20))
    assert set(versions) == {1, 2}


def test_the_name_of_an_api_key_holds_a_client_together_across_addresses(
    make_client: MakeClient, repository: Path, tmp_path: Path
) -> None:
    release(repository, 50)
    keys = tmp_path / "keys"
    keys.write_text("".join(f"user{number}:secret-of-user-{number:04}\n" for number in range(6)))
    client = make_client(
        MODEL_REPOSITORY=str(repository), VITRINE_TRUSTED_PROXIES="127.0.0.1", VITRINE_API_KEYS_FILE=str(keys)
    )
    met = set()
    for user in range(6):
        versions = set()
        for address in range(2):
            headers = {"X-Forwarded-For": f"10.2.0.{address}", "X-Api-Key": f"secret-of-user-{user:04}"}
            versions.add(post(client, png(0), headers=headers).headers["X-Vitrine-Version"])
        assert len(versions) == 1
        met |= versions
    assert met == {"1", "2"}


def test_the_addresses_of_one_ipv6_network_are_one_client(canaried: Client, repository: Path) -> None:
    release(repository, 50)
    for network in range(3):
        headers = [{"X-Forwarded-For": f"2001:db8:{network}::{address:x}"} for address in range(1, 4)]
        assert len({post(canaried, png(0), headers=one).headers["X-Vitrine-Version"] for one in headers}) == 1


def test_who_names_a_version_or_a_label_gets_it_whatever_the_share(canaried: Client) -> None:
    check_version(post(canaried, png(0), version="1"), 1, None)
    check_version(post(canaried, png(0), label="stable"), 1, "stable")
    check_version(post(canaried, png(0), label="canary"), 2, "canary")


def nan(outputs: Outputs) -> Outputs:
    return {"probabilities": np.full_like(outputs["probabilities"], np.nan)}


def nan_for_bright_ones(outputs: Outputs) -> Outputs:
    return nan(outputs) if outputs["probabilities"].argmax() >= 4 else outputs


def one_class_less(outputs: Outputs) -> Outputs:
    return {"probabilities": outputs["probabilities"][:, 1:]}


def one_row_less(outputs: Outputs) -> Outputs:
    return {"probabilities": outputs["probabilities"][1:]}


def another_name(outputs: Outputs) -> Outputs:
    return {"scores": outputs["probabilities"]}


def words(outputs: Outputs) -> Outputs:
    return {"probabilities": outputs["probabilities"].astype(str).astype(object)}


@pytest.mark.parametrize("spoil", [nan, one_class_less, one_row_less, another_name, words])
def test_a_canary_that_answers_nonsense_is_answered_for(
    canaried: Client, whims: Whims, spoil: Callable[[Outputs], Outputs]
) -> None:
    whims.outputs = spoil
    check_version(post(canaried, png(0)), 1, "stable")
    assert outcomes(canaried, 2) == {"failed": 1}
    assert outcomes(canaried, 1) == {"ok": 1}
    assert counted(canaried, "fallbacks_total", 2) == 1


@pytest.mark.parametrize(
    "heatmaps", [None, np.zeros((1, 4), np.float32), np.zeros((1, 0, 4), np.float32), np.full((1, 2, 2), "hot", object)]
)
def test_a_canary_that_explains_itself_badly_is_answered_for(
    canaried: Client, whims: Whims, heatmaps: NDArray[Any] | None
) -> None:
    explained = {} if heatmaps is None else {"heatmaps": heatmaps}
    whims.outputs = lambda outputs: {"probabilities": outputs["probabilities"]} | explained
    answer = post(canaried, png(0), explain="true")
    check_version(answer, 1, "stable")
    assert answer.json()["predictions"][0]["heatmap"].startswith("data:image/png")
    assert outcomes(canaried, 2) == {"failed": 1}


@pytest.mark.parametrize("met", [True, False], ids=["met", "unmet"])
@pytest.mark.parametrize(
    "fault",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        # The model's own: a version that is not served is told by other words.
        grpc.StatusCode.NOT_FOUND,
    ],
)
def test_a_canary_that_fails_is_answered_for_whether_its_card_is_known_or_not(
    canaried: Client, whims: Whims, fault: grpc.StatusCode, *, met: bool
) -> None:
    if met:
        check_version(post(canaried, png(0)), 2, "canary")
    whims.fault = fault
    check_version(post(canaried, png(0), png(255)), 1, "stable")
    assert outcomes(canaried, 2) == {"failed": 1} | ({"ok": 1} if met else {})
    assert outcomes(canaried, 1) == {"ok": 1}
    assert counted(canaried, "fallbacks_total", 2) == 1


def test_a_canary_that_hangs_costs_one_caller_some_time_and_is_left_alone_until_it_answers_again(
    make_client: MakeClient, repository: Path, whims: Whims
) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository), VITRINE_TIMEOUT_S="4")
    whims.hold.clear()
    for _ in range(5):
        check_version(post(client, png(0)), 1, "stable")
    assert outcomes(client, 2) == {"failed": 1}
    assert outcomes(client, 1) == {"ok": 5}
    whims.hold.set()
    wait_until(lambda: post(client, png(0)).headers["X-Vitrine-Version"] == "2", what="the canary")
    check_version(post(client, png(0)), 2, "canary")


def test_who_names_the_canary_gets_its_error(canaried: Client, whims: Whims) -> None:
    whims.fault = grpc.StatusCode.INTERNAL
    for choice in ({"version": "2"}, {"label": "canary"}):
        answer = post(canaried, png(0), **choice)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "model_server_fault")
    whims.fault, whims.outputs = None, nan
    answer = post(canaried, png(0), label="canary")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_model_answer")
    assert answer.headers["X-Vitrine-Version"] == "2"
    assert answer.headers["X-Vitrine-Model"] == "digits"
    assert outcomes(canaried, 1) == {}
    assert counted(canaried, "fallbacks_total", 2) == 0


class NoCard(ModelCard):
    """A card that a model gives and nobody can read."""

    def to_json(self) -> str:
        return "no card"


def test_a_version_without_a_card_is_told_and_counted(canaried: Client, serving: FakeServing) -> None:
    cards = serving.models["digits"].cards
    cards[2] = NoCard("digits", ("0", "1"), ImageSpec(8, 8, 1))
    check_version(post(canaried, png(0)), 1, "stable")
    assert outcomes(canaried, 2) == {"failed": 1}
    for choice in ({"version": "2"}, {"label": "canary"}):
        answer = post(canaried, png(0), **choice)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "bad_model_card")
        assert (answer.headers["X-Vitrine-Version"], answer.headers["X-Vitrine-Model"]) == ("2", "digits")
    assert outcomes(canaried, 2) == {"failed": 3}
    # A number of a caller's choosing makes no counts.
    assert "X-Vitrine-Version" not in post(canaried, png(0), version="77").headers
    assert outcomes(canaried, 77) == {}


def test_where_the_stable_version_fails_too_its_error_is_told(canaried: Client, serving: FakeServing) -> None:
    check_version(post(canaried, png(0)), 2, "canary")
    check_version(post(canaried, png(0), label="stable"), 1, "stable")
    serving.models["digits"].fault = grpc.StatusCode.INTERNAL
    answer = post(canaried, png(0))
    assert (answer.status_code, answer.headers["X-Vitrine-Version"]) == (502, "1")
    assert outcomes(canaried, 2) == {"ok": 1, "failed": 1}
    assert counted(canaried, "fallbacks_total", 2) == 0


def test_a_canary_that_is_not_loaded_yet_leaves_its_share_to_the_stable_version_and_gets_it_later(
    canaried: Client, serving: FakeServing
) -> None:
    loaded = serving.models["digits"].cards.pop(2)
    for _ in range(5):
        check_version(post(canaried, png(0)), 1, "stable")
    assert outcomes(canaried, 2) == {}
    serving.models["digits"].cards[2] = loaded
    wait_until(lambda: post(canaried, png(0)).headers["X-Vitrine-Version"] == "2", what="the canary")


def test_a_canary_that_goes_away_costs_nobody_an_answer(canaried: Client, serving: FakeServing) -> None:
    check_version(post(canaried, png(0)), 2, "canary")
    del serving.models["digits"].cards[2]
    for _ in range(5):
        check_version(post(canaried, png(0)), 1, "stable")
    assert outcomes(canaried, 2) == {"ok": 1}


def test_the_share_of_a_stable_version_that_is_gone_never_goes_to_the_canary(
    canaried: Client, repository: Path, serving: FakeServing
) -> None:
    release(repository, 0)
    check_version(post(canaried, png(0)), 1, "stable")
    del serving.models["digits"].cards[1]
    answer = post(canaried, png(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_not_ready")
    assert "Retry-After" in answer.headers


@pytest.fixture
def replicas(make_client: MakeClient, repository: Path, serving: FakeServing) -> Iterator[tuple[Client, FakeServing]]:
    """A client of a gateway before two model servers, and the second of these, which has version 2 alone."""
    with FakeServing(digits=FakeModel({2: card()})) as second:
        target = f"ipv4:{serving.address},{second.address}"
        yield make_client(MODEL_REPOSITORY=str(repository), VITRINE_SERVING=target), second


def test_a_replica_without_the_stable_version_costs_nobody_an_answer(
    replicas: tuple[Client, FakeServing], repository: Path
) -> None:
    client, _ = replicas
    release(repository, 0)
    for _ in range(8):
        check_version(post(client, png(0)), 1, "stable")
        check_version(post(client, png(0), version="1"), 1, None)


def all_at_once(client: Client) -> Counter[tuple[int, str]]:
    """How often each status and version is the answer to eight clients who ask at the same time."""
    found: Counter[tuple[int, str]] = Counter()

    def ask() -> None:
        for number in range(5):
            files = [("images", ("a.png", png(number)))]
            answer = requests.post(f"{client.url}/api/v1/classify", files=files, timeout=30)
            found[answer.status_code, answer.headers.get("X-Vitrine-Version", "none")] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_many_at_once_are_answered_where_a_replica_lacks_the_stable_version(
    replicas: tuple[Client, FakeServing], repository: Path
) -> None:
    client, _ = replicas
    release(repository, 0)
    assert all_at_once(client) == {(200, "1"): 40}


def test_many_at_once_are_answered_for_where_the_canary_is_full(canaried: Client, whims: Whims) -> None:
    # What TensorFlow Serving says where a version's batching queue is full.
    whims.fault = grpc.StatusCode.UNAVAILABLE
    assert all_at_once(canaried) == {(200, "1"): 40}


def test_a_replica_without_the_canary_costs_nobody_an_answer(
    replicas: tuple[Client, FakeServing], serving: FakeServing
) -> None:
    client, second = replicas
    second.models["digits"].cards = {1: card()}
    versions = Counter(post(client, png(0)).headers["X-Vitrine-Version"] for _ in range(8))
    assert versions.keys() <= {"1", "2"}
    assert outcomes(client, 2).keys() <= {"ok"}


def test_a_canary_with_another_picture_size_and_other_classes_simply_works(
    canaried: Client, serving: FakeServing, whims: Whims
) -> None:
    serving.models["digits"].cards[2] = card(labels=("dark", "bright"), image=ImageSpec(20, 30, 3))
    answer = post(canaried, png(0))
    check_version(answer, 2, "canary")
    assert answer.json()["predictions"][0]["probabilities"].keys() == {"dark", "bright"}
    whims.fault = grpc.StatusCode.INTERNAL
    answer = post(canaried, png(0))
    check_version(answer, 1, "stable")
    assert len(answer.json()["predictions"][0]["probabilities"]) == 10


def test_a_callers_own_mistakes_are_not_held_against_the_canary(canaried: Client) -> None:
    answer = post(canaried, ("a.txt", b"text"))
    assert (answer.status_code, answer.headers["X-Vitrine-Version"]) == (422, "2")
    answer = canaried.post("/api/v1/classify", files=[("nothing", ("", b""))])
    assert answer.status_code == 400
    assert outcomes(canaried, 2)["refused"] >= 1
    assert "failed" not in outcomes(canaried, 2)
    assert outcomes(canaried, 1) == {}


def test_a_models_name_that_no_header_can_say_is_percent_encoded(client: Client, serving: FakeServing) -> None:
    serving.models["größe 2"] = FakeModel({1: card("größe 2")})
    answer = post(client, png(0), model="größe 2")
    assert answer.headers["X-Vitrine-Model"] == "gr%C3%B6%C3%9Fe 2"
    assert answer.json()["model"]["name"] == "größe 2"


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-ndjson"])
@pytest.mark.parametrize("broken", [False, True])
def test_every_format_says_in_its_headers_who_answered(
    canaried: Client, whims: Whims, accept: str, *, broken: bool
) -> None:
    whims.outputs = nan if broken else whims.outputs
    answer = post(canaried, png(0), headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(accept)
    assert answer.headers["X-Vitrine-Version"] == ("1" if broken else "2")
    assert answer.headers["X-Vitrine-Model"] == "digits"


@pytest.mark.parametrize("headers", [{}, {"X-Requested-With": "fetch"}, {"Accept": "text/csv"}])
@pytest.mark.parametrize("broken", [False, True])
def test_the_page_says_in_its_headers_who_answered(
    canaried: Client, whims: Whims, headers: dict[str, str], *, broken: bool
) -> None:
    whims.outputs = nan if broken else whims.outputs
    answer = post(canaried, png(0), path="/", headers={"Accept": "text/html"} | headers)
    assert answer.status_code == 200
    assert answer.headers["X-Vitrine-Version"] == ("1" if broken else "2")
    assert answer.headers["X-Vitrine-Model"] == "digits"
    refused = post(canaried, ("a.txt", b"text"), path="/", headers=headers)
    assert (refused.status_code, refused.headers["X-Vitrine-Version"]) == (422, "2")


def test_a_stream_whose_canary_fails_half_way_goes_on_with_the_stable_version_and_says_so(
    make_client: MakeClient, repository: Path, whims: Whims
) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository), VITRINE_MAX_BATCH="1")
    whims.outputs = nan_for_bright_ones
    answer = post(client, *[png(grey) for grey in (0, 60, 120, 180)], headers={"Accept": "application/x-ndjson"})
    assert answer.headers["X-Vitrine-Version"] == "2"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    told = [line["model"]["version"] for line in lines if "model" in line]
    assert told == [2, 1]
    assert [line["index"] for line in lines if "index" in line] == [0, 1, 2, 3]
    assert lines[-1]["predictions"] == 4
    assert outcomes(client, 2) == {"failed": 1}
    assert outcomes(client, 1) == {"ok": 1}


def test_an_old_client_that_knows_no_chunks_gets_the_first_lines_version_once(
    make_client: MakeClient, repository: Path, whims: Whims
) -> None:
    client = make_client(MODEL_REPOSITORY=str(repository), VITRINE_MAX_BATCH="1")
    whims.outputs = nan_for_bright_ones
    pictures = [("images", ("a.png", png(grey))) for grey in (0, 120)]
    form = requests.Request("POST", client.url, files=pictures).prepare()
    assert isinstance(form.body, bytes)
    head = (
        f"POST /api/v1/classify HTTP/1.0\r\nAccept: application/x-ndjson\r\nContent-Length: {len(form.body)}\r\n"
        f"Content-Type: {form.headers['Content-Type']}\r\n\r\n"
    )
    host, port = client.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + form.body)
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode().lower()
    assert answer.count("x-vitrine-version") == 1
    assert "x-vitrine-version: 2\r\n" in answer
    assert answer.count('"model":{') == 2
