"""The operators' page and its JSON, before a model server in any state."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from contract.release import FILE_NAME, HistoryEntry, ModelRelease, Release
from gateway.observe.metrics import Metrics
from gateway.web.operations import view
from tests.gateway.api.test_openapi import check
from tests.gateway.client import Client
from tests.gateway.conftest import EVERY_WORKER, MakeClient, Start, png
from tests.gateway.fake_serving import FakeModel, FakeServing
from tests.gateway.web import operations_scene as scene
from tests.processes import wait_until

Operate = Callable[..., Client]
FRAGMENT = {"X-Requested-With": "fetch"}


@pytest.fixture
def operate(make_client: MakeClient, serving: FakeServing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operate:
    """Serves with the states of models given by name, and the scene's metrics."""
    counted = scene.exposition()
    monkeypatch.setattr(Metrics, "exposition", lambda _: counted)
    serving.models["digits"] = FakeModel({version: scene.trained(version) for version in (1, 2, 3)})

    def begin(**models: ModelRelease) -> Client:
        (tmp_path / FILE_NAME).write_text(Release(models).to_json())
        return make_client(VITRINE_MODELS="", MODEL_REPOSITORY=str(tmp_path))

    return begin


def text_of(page: str) -> str:
    """What people read of it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_tells_versions_traffic_comparison_and_history(operate: Operate) -> None:
    page = operate(digits=scene.release()).get("/operations").text
    text = text_of(page)
    for part in (
        "since 21 Nov 2026, 10:00:00 UTC",
        "Version 3 is canary at 10% , since 21 Nov 2026, 11:55:00 UTC",
        "A client stays at one version.",
        "Version 2: 90% Version 3: 10%",
        "3% of its requests failed",
        "98% 13 Nov 2026",
        "Requests 1,800 200",
        "Fallbacks to stable – 6",  # noqa: RUF001
        "“None of these” 3% 3%",
        "95.5% agree",
        "canary version 3 10%",
        "Report: promoted every step held",
    ):
        assert part in text, part
    assert 'aria-label="Share of traffic: version 2 90%, version 3 10%"' in page
    assert 'aria-label="Latency, share of requests: version 2: half up to' in page
    assert text.index("11:55:00 UTC canary") < text.index("10:30:00 UTC publish")


def test_an_automatic_rollout_is_a_stepper_with_the_step_in_force(operate: Operate) -> None:
    model = scene.release(rollout=scene.ROLLOUT, canary_percent=25.0, shadow=3, split="request")
    page = operate(digits=model).get("/operations").text
    text = text_of(page)
    assert "each step is watched for 1 min" in text
    assert "Each request is split anew." in text
    assert "✓ 5% done 2 25% in force 3 50% to come 4 100% to come" in text
    assert page.count('aria-current="step"') == 1
    assert "copies of 100% of the requests" in text
    assert "canary at" not in text


def test_before_its_first_step_a_rollout_has_copies_of_requests_only(operate: Operate) -> None:
    under_way = replace(scene.ROLLOUT, step=0)
    page = operate(digits=scene.release(rollout=under_way, canary_percent=0.0, shadow=3)).get("/operations").text

    text = text_of(page)
    assert "1 5% to come 2 25% to come" in text
    assert "Copies of requests only since" in text
    assert 'aria-current="step"' not in page


def test_json_says_the_same_in_the_described_shape(operate: Operate) -> None:
    model = scene.release(rollout=scene.ROLLOUT, canary_percent=25.0, shadow=1)
    told = operate(digits=model).get("/api/v1/operations").json()
    check(told, "Operations")
    (digits,) = told["models"]
    assert told["since"] == "2026-11-21T10:00:00+00:00"
    assert [(one["version"], one["percent"], one["labels"]) for one in digits["versions"]] == [
        (3, 25, ["canary"]),
        (2, 75, ["stable"]),
        (1, 0, ["shadow", "previous"]),
    ]
    assert [one["kind"] for one in digits["comparisons"]] == ["canary", "shadow"]
    assert digits["comparisons"][0]["of_candidate"]["error_rate"] == 0.03
    assert digits["rollout"]["step"] == 1
    assert digits["history"][1]["report"] is None
    assert digits["history"][2]["report"]["outcome"] == "promoted"


def test_traffic_goes_only_to_what_is_loaded(operate: Operate, serving: FakeServing) -> None:
    client = operate(digits=scene.release())
    serving.models["digits"] = FakeModel({1: scene.trained(1), 2: scene.trained(2)}, states={3: "LOADING"})
    told = client.get("/api/v1/operations").json()["models"][0]["versions"]
    seen = [(one["state"], one["percent"], one["meant_percent"], one["health"]["status"]) for one in told]
    assert seen == [("LOADING", 0, 10, "waiting"), ("AVAILABLE", 100, 90, "well"), ("AVAILABLE", 0, 0, "well")]
    assert "Version 2: 100%" in text_of(client.get("/operations").text)
    serving.models["digits"] = FakeModel({1: scene.trained(1)}, states={2: "END", 9: "END"})
    told = client.get("/api/v1/operations").json()["models"][0]["versions"]
    assert [(one["version"], one["state"], one["percent"]) for one in told] == [
        (3, "NOT LOADED", 0),
        (2, "END", 0),
        (1, "AVAILABLE", 100),
    ]
    assert [one["health"]["status"] for one in told] == ["failed", "failed", "well"]


def test_while_the_model_server_is_away_the_release_is_told(operate: Operate, serving: FakeServing) -> None:
    client = operate(digits=scene.release())
    serving.stop()
    page = client.get("/operations")
    assert page.status_code == 200
    assert "Not all is known just now" in page.text
    assert serving.address not in page.text
    assert "Version 2: 90% Version 3: 10%" in text_of(page.text)
    (digits,) = client.get("/api/v1/operations").json()["models"]
    assert digits["trouble"]
    assert {one["state"] for one in digits["versions"]} == {"UNKNOWN"}
    assert {one["health"]["status"] for one in digits["versions"]} == {"unknown"}


def test_a_release_that_cannot_be_read_is_told_and_what_stays_in_force_is_shown(
    operate: Operate, tmp_path: Path
) -> None:
    client = operate(digits=scene.release())
    assert client.get("/api/v1/operations").json()["release_unreadable"] is False
    (tmp_path / FILE_NAME).write_text("{")
    page = client.get("/operations").text
    assert "release.json cannot be read" in page
    assert "Version 2: 90% Version 3: 10%" in text_of(page)
    told = client.get("/api/v1/operations").json()
    assert told["release_unreadable"] is True
    check(told, "Operations")
    (tmp_path / FILE_NAME).write_text(Release({"digits": scene.release()}).to_json())
    assert "release.json cannot be read" not in client.get("/operations").text


def test_without_a_release_the_newest_version_is_said_to_answer(make_client: MakeClient) -> None:
    client = make_client(VITRINE_MODELS="digits")
    assert "No release state names this model" in client.get("/operations").text
    (digits,) = client.get("/api/v1/operations").json()["models"]
    assert [(one["version"], one["percent"]) for one in digits["versions"]] == [(2, 100), (1, 0)]
    assert digits["released"] is False


def test_without_any_model_the_page_says_so(operate: Operate) -> None:
    client = operate()
    assert "No model has been released yet" in client.get("/operations").text
    assert client.get("/api/v1/operations").json()["models"] == []


def test_one_model_alone_is_shown_with_all_of_its_history(operate: Operate) -> None:
    many = tuple(HistoryEntry(scene.at(place), "publish", place + 1) for place in range(200))
    client = operate(digits=scene.release(history=many), photos=scene.release())
    together = client.get("/operations").text
    assert together.count('<li id="entry-') == 10 + 4
    assert "All 200 entries of digits" in together
    alone = client.get("/operations?model=digits").text
    assert alone.count('<li id="entry-') == 200
    assert "photos" not in alone
    assert [one["name"] for one in client.get("/api/v1/operations?model=photos").json()["models"]] == ["photos"]
    for path in ("/operations?model=nobody", "/api/v1/operations?model=nobody"):
        assert client.get(path).status_code == 404


def test_what_the_script_has_already_is_not_sent_again(operate: Operate) -> None:
    client = operate(digits=scene.release())
    whole = client.get("/operations", headers=FRAGMENT).text
    assert "<html" not in whole
    (mark,) = re.findall(r'data-mark="(\w+)"', whole)
    again = client.get(f"/operations?seen={mark}", headers=FRAGMENT).text
    assert f'data-mark="{mark}" data-unchanged' in again
    assert "Report: promoted" in whole
    assert "Report: promoted" not in again
    assert "Report: promoted" in client.get(f"/operations?seen={mark}").text


def test_all_of_it_needs_a_key_where_the_gateway_has_keys(make_client: MakeClient, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("alice:a-long-enough-secret-of-hers\n")
    client = make_client(VITRINE_API_KEYS_FILE=str(keys))
    for path in ("/operations", "/api/v1/operations"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"X-API-Key": "a-long-enough-secret-of-hers"}).status_code == 200


def test_figures_are_those_of_all_workers_since_the_gateway_started(start: Start) -> None:
    before = datetime.now(UTC)
    gateway = start(VITRINE_WORKERS="2")
    for _ in range(EVERY_WORKER):
        assert gateway.classify(png(0)).ok

    told: dict[str, Any] = {}

    def figures() -> Any:
        return told["models"][0]["versions"][0]["figures"]

    def is_complete() -> bool:
        # A worker's counts are written one after the other, and either worker may answer: all is read of one answer.
        told.update(requests.get(f"{gateway.url}/api/v1/operations", timeout=10).json())
        seen = figures()
        return bool(seen["requests"] == EVERY_WORKER and seen["confidence"] == pytest.approx(0.9))

    wait_until(is_complete, what="every worker's counts")
    assert before < datetime.fromisoformat(told["since"]) < datetime.now(UTC)
    assert figures()["failed"] == 0
    assert 0 < figures()["p50_ms"] <= figures()["p95_ms"]


def test_neither_paths_nor_logins_of_the_machine_are_told(operate: Operate) -> None:
    note = "cannot read /srv/models/digits/4/saved_model.pb, see http://user:secret@monitor:9090/a/b"
    entry = HistoryEntry(scene.at(0), "rollback", 2, note, {**scene.report(), "reason": note, "more": {"deep": [note]}})
    client = operate(digits=scene.release(history=(entry,)))
    for path in ("/operations", "/api/v1/operations"):
        told = client.get(path).text
        assert "saved_model.pb" in told
        assert "/srv/" not in told
        assert "user:secret" not in told


@pytest.mark.parametrize(
    "report",
    [
        {},
        [],
        "promoted",
        7,
        {"steps": "none", "limits": [1], "outcome": {"a": 1}, "version": None},
        {"steps": [None, 5, {}, {"percent": "5", "stable": 3, "reasons": "because", "since": 7, "until": {}}]},
        {"steps": [{"percent": float("nan"), "since": "2026-11-21T12:00:00", "candidate": {"p95_ms": 1e308}}] * 3},
        {"steps": [{"percent": -5, "agreement": 2.5, "candidate": {"requests": 10**400, "error_rate": 1e300}}]},
        {"steps": [{"since": "9999-12-31T23:59:59-12:00", "until": "0001-01-01T00:00:00+12:00"}], "of the future": 1},
        {"outcome": "<script>alert(1)</script>", "steps": [{"verdict": "<b>", "reasons": ["<i>", None, {}]}] * 200},
    ],
)
def test_a_report_of_any_shape_is_survived(operate: Operate, report: object) -> None:
    entry = HistoryEntry("yesterday", "rollout", 2, "by hand", report)  # type: ignore[arg-type]
    client = operate(digits=scene.release(history=(entry,)))
    page = client.get("/operations")
    assert page.status_code == 200
    assert "yesterday" in page.text
    assert "<script>alert" not in page.text
    answer = client.get("/api/v1/operations")
    check(json.loads(answer.text, parse_constant=pytest.fail), "Operations")


def test_an_entry_of_any_shape_is_survived(operate: Operate, tmp_path: Path) -> None:
    client = operate(digits=scene.release())
    release = json.loads((tmp_path / FILE_NAME).read_text())
    release["models"]["digits"]["history"] = [{"at": 5, "action": None, "version": "two", "note": ["a", {"b": 1}]}]
    (tmp_path / FILE_NAME).write_text(json.dumps(release))
    assert "version two" in text_of(client.get("/operations").text)
    check(client.get("/api/v1/operations").json(), "Operations")


def test_a_card_of_any_quality_is_survived(operate: Operate, serving: FakeServing) -> None:
    odd = replace(scene.trained(2), metrics={"accuracy": "high"}, created="long ago")
    client = operate(digits=scene.release())
    serving.models["digits"].cards[2] = odd
    assert "long ago" in client.get("/operations").text
    told = client.get("/api/v1/operations").json()["models"][0]["versions"][1]
    assert (told["accuracy"], told["created"]) == (None, "long ago")


def test_a_model_server_that_hangs_costs_no_more_than_its_time(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = make_client(VITRINE_SERVING=f"127.0.0.1:{silent.getsockname()[1]}")
        assert "Not all is known just now" in client.get("/operations").text
