"""Either process is killed without warning: the other says so plainly, and recovers when it returns."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.e2e.stack import Stack
from tests.processes import wait_until


def test_a_killed_model_server_is_reported_and_its_return_noticed(own_stack: Stack, digits: list[Path]) -> None:
    server = own_stack.model_server.process
    assert server is not None
    server.kill()

    answer = own_stack.classify(digits[0])
    assert answer.status_code == 503  # not 504: it did not wait for the deadline
    assert "Retry-After" in answer.headers
    assert "model server" in answer.json()["error"]["message"].lower()
    assert requests.get(f"{own_stack.url}/readyz", timeout=10).status_code == 503
    assert requests.get(f"{own_stack.url}/healthz", timeout=10).status_code == 200
    assert requests.get(own_stack.url, timeout=10).status_code in (200, 503)

    server.restart()
    server.wait_ready(f"{own_stack.model_server.rest}/v1/models/digits")
    wait_until(lambda: own_stack.classify(digits[0]).status_code == 200, timeout_s=5, what="the gateway to recover")


def test_a_killed_gateway_starts_again_on_its_port(own_stack: Stack, digits: list[Path]) -> None:
    own_stack.gateway.restart()
    own_stack.wait_ready()
    assert own_stack.classify(digits[0]).status_code == 200


def test_a_gateway_started_before_its_model_server_becomes_ready(own_stack: Stack, digits: list[Path]) -> None:
    server = own_stack.model_server.process
    assert server is not None
    server.kill()
    own_stack.gateway.restart()
    wait_until(
        lambda: status_of(f"{own_stack.url}/readyz") == 503,
        timeout_s=10,
        what="the gateway to say that it is not ready",
    )
    server.restart()
    own_stack.wait_ready()
    # Each worker finds out by itself: one may be ready a moment before the other.
    wait_until(lambda: own_stack.classify(digits[0]).status_code == 200, timeout_s=5, what="the gateway to classify")


def status_of(url: str) -> int:
    """The status of a GET, 0 if nobody answers."""
    try:
        return requests.get(url, timeout=10).status_code
    except requests.RequestException:
        return 0
