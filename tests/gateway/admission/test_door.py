"""The door: who may ask, and who pays for how many pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.admission.door import Door
from gateway.admission.keys import ApiKeys
from gateway.admission.rate_limit import RateLimiter
from gateway.errors import RateLimited, Unauthorized
from gateway.settings.parse import Rate
from tests.gateway.conftest import MakeClient
from tests.gateway.fake_serving import FakeServing

KEY = "correct-horse:battery-staple"


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    path = tmp_path / "keys"
    path.write_text(f"alice:{KEY}\n")
    return ApiKeys(path)


def test_without_keys_everybody_is_let_in() -> None:
    assert Door(None, None).name_of("/api/v1/classify", {}) is None


@pytest.mark.parametrize("path", ["/", "/api/v1/classify", "/docs", "/static/main.js", "/healthz/", "/metrics/x"])
def test_with_keys_everything_asks_for_one(keys: ApiKeys, path: str) -> None:
    door = Door(keys, None)
    with pytest.raises(Unauthorized):
        door.name_of(path, {})
    assert door.name_of(path, {"x-api-key": KEY}) == "alice"
    assert door.name_of(path, {"authorization": f"Bearer {KEY}"}) == "alice"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_but_for_what_orchestrators_and_monitoring_ask(keys: ApiKeys, path: str) -> None:
    assert Door(keys, None).name_of(path, {}) is None


def test_pictures_are_charged_as_they_turn_up_to_whoever_sent_them() -> None:
    door = Door(None, RateLimiter(Rate(10, 3600.0)))
    meter = door.meter(None, "203.0.113.7")
    for count in (4, 4, 9, 30):
        meter.seen(count)
    with pytest.raises(RateLimited) as raised:
        door.meter(None, "203.0.113.7").seen(1)
    assert raised.value.retry_after_s == pytest.approx(21 * 360, abs=2)
    door.meter(None, "203.0.113.8").seen(1)


def test_a_key_is_a_client_wherever_it_asks_from_and_no_address_can_be_taken_for_it() -> None:
    door = Door(None, RateLimiter(Rate(1, 3600.0)))
    door.meter("alice", "203.0.113.7").seen(1)
    with pytest.raises(RateLimited):
        door.meter("alice", "203.0.113.8").seen(1)
    door.meter(None, "alice").seen(1)
    door.meter("203.0.113.7", "::1").seen(1)
    door.meter(None, "203.0.113.7").seen(1)


def test_without_a_limit_nobody_pays() -> None:
    Door(None, None).meter(None, "203.0.113.7").seen(1_000_000)


@pytest.mark.parametrize("path", ["/", "/nothing", "/models/digits"])
def test_who_has_no_key_learns_nothing_of_what_is_served(
    make_client: MakeClient, serving: FakeServing, tmp_path: Path, path: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alice:{KEY}\n")
    client = make_client(VITRINE_API_KEYS_FILE=str(file))
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "Expected an API key" in answer.text
    assert "digits" not in answer.text
    assert "/static/" not in answer.text
    assert serving.requests == []
    assert "digits" in client.get("/", headers={"X-API-Key": KEY}).text
