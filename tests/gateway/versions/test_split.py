"""The draw for the canary: even, sticky, alike everywhere, and a grown share keeps those who were in it."""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import sys
from collections import Counter

import pytest

from contract.release import AutomaticRollout, ModelRelease
from gateway.versions.split import draws_canary, may_stand_in, place
from tests.conftest import ROOT

# Addresses that lie side by side, and names that differ in a digit: what a weak hash would put in a heap.
CLIENTS = [f"10.0.{number // 256}.{number % 256}" for number in range(5_000)]
CLIENTS += [f"key-{number}" for number in range(5_000)]
STEPS = (5, 25, 50, 100)


def release(percent: float, *, canary: int = 2, split: str = "client") -> ModelRelease:
    labels = {"stable": 1, "canary": canary}
    return ModelRelease(tuple(sorted(labels.values())), labels, canary_percent=percent, split=split)  # type: ignore[arg-type]


def met(percent: float, *, canary: int = 2, model: str = "digits") -> set[str]:
    state = release(percent, canary=canary)
    return {client for client in CLIENTS if draws_canary(state, model, client)}


def within_chance(count: int, share: float, of: int) -> bool:
    """True if a fair draw gives such a count in all but one of 15,000 cases (four standard deviations)."""
    return abs(count - share * of) <= 4 * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize("percent", [0.5, 1, 5, 10, 25, 50, 75, 99])
def test_a_share_of_the_clients_meets_the_canary(percent: float) -> None:
    assert within_chance(len(met(percent)), percent / 100, len(CLIENTS))


def test_the_places_are_even_all_along_the_queue() -> None:
    counts = Counter(int(place("digits", 2, client)) for client in CLIENTS)
    expected = len(CLIENTS) / 100
    chi_squared = sum((counts[cell] - expected) ** 2 / expected for cell in range(100))
    # 99 degrees of freedom: beyond it lies one fair draw of 10,000.
    assert chi_squared < 161.3


def test_nobody_meets_a_canary_of_0_percent_and_everybody_one_of_100() -> None:
    assert met(0) == set()
    assert met(100) == set(CLIENTS)


def test_a_share_that_grows_keeps_those_who_were_in_it() -> None:
    groups = [met(percent) for percent in STEPS]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(groups))


@pytest.mark.parametrize("other", [{"canary": 3}, {"canary": 12}, {"model": "shoes"}])
def test_another_canary_meets_other_clients(other: dict[str, int | str]) -> None:
    ours, theirs = met(25), met(25, **other)  # type: ignore[arg-type]
    assert within_chance(len(ours & theirs), 0.0625, len(CLIENTS))


def test_the_same_client_always_goes_the_same_way() -> None:
    assert met(25) == met(25)


def test_another_process_draws_alike() -> None:
    program = "from tests.gateway.versions.test_split import met; print(*sorted(met(25)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == sorted(met(25))


def test_of_requests_each_is_drawn_for_itself() -> None:
    random.seed(6)
    state = release(25, split="request")
    drawn = [draws_canary(state, "digits", "10.0.0.1") for _ in range(len(CLIENTS))]
    assert within_chance(sum(drawn), 0.25, len(CLIENTS))


def test_clients_that_nobody_can_tell_do_not_all_go_one_way() -> None:
    random.seed(6)
    drawn = [draws_canary(release(25), "digits", "") for _ in range(len(CLIENTS))]
    assert within_chance(sum(drawn), 0.25, len(CLIENTS))


def test_a_name_that_utf_8_cannot_say_is_drawn_too() -> None:
    assert place("digits", 2, "\udc80") == place("digits", 2, "\udc80")


def test_without_a_canary_of_its_own_the_stable_version_has_all() -> None:
    assert not draws_canary(ModelRelease((1,), {"stable": 1}), "digits", "10.0.0.1")
    both = ModelRelease((1,), {"stable": 1, "canary": 1}, canary_percent=100)
    assert not draws_canary(both, "digits", "10.0.0.1")


def test_only_older_versions_and_those_nobody_pinned_stand_in_for_the_stable_one() -> None:
    rollout = AutomaticRollout(6, (5.0, 100.0), 0, "2026-11-21T00:00:00+00:00", 60)
    labels = {"stable": 3, "canary": 1}
    state = ModelRelease((1, 2, 3, 4, 5, 6), labels, shadow=5, rollout=rollout, previous=2)
    assert [version for version in range(1, 8) if may_stand_in(state, version)] == [2, 3, 7]
