"""What each version is to do against what the replicas say of it."""

from __future__ import annotations

import pytest

from contract.client import VersionStatus
from contract.release import ModelRelease
from serving.health import VersionHealth, health
from serving.replicas import ReplicaStatus

MODEL = ModelRelease(
    versions=(1, 2, 3, 4),
    labels={"stable": 2, "canary": 3},
    canary_percent=12.5,
    shadow=4,
    shadow_percent=20,
    previous=1,
)


def replica(name: str, **states: str) -> ReplicaStatus:
    """`v2="END: no such op"`."""
    versions = []
    for version, text in states.items():
        state, _, error = text.partition(": ")
        versions.append(VersionStatus(int(version[1:]), state, error))
    return ReplicaStatus(name, tuple(versions))


def of(version: int, *replicas: ReplicaStatus) -> VersionHealth:
    return next(one for one in health(MODEL, replicas) if one.version == version)


ALL = {f"v{version}": "AVAILABLE" for version in (1, 2, 3, 4)}


def test_every_version_has_its_part_in_the_traffic() -> None:
    seen = health(MODEL, [replica("a", **ALL)])

    assert {one.version: (one.labels, one.share, one.copies) for one in seen} == {
        4: ([], 0, 20),
        3: (["canary"], 12.5, 0),
        2: (["stable"], 87.5, 0),
        1: ([], 0, 0),
    }
    assert [one.version for one in seen if one.shadow] == [4]
    assert [one.version for one in seen if one.previous] == [1]


def test_what_is_available_everywhere_serves() -> None:
    assert all(
        one.health == "serving" and one.well for one in health(MODEL, [replica("a", **ALL), replica("b", **ALL)])
    )


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("AVAILABLE", None, "missing on 1 of 2 (b)"),
        ("LOADING", "START", "loading"),
        ("AVAILABLE", "LOADING", "loading on 1 of 2 (b)"),
        ("AVAILABLE", "UNLOADING", "unloading on 1 of 2 (b)"),
        ("AVAILABLE", "END: no such op", "failing: no such op on 1 of 2 (b)"),
        ("END: no such op", "END: no such op", "failing: no such op"),
        ("LOADING", "END", "loading on 1 of 2 (a); missing on 1 of 2 (b)"),
    ],
)
def test_a_pinned_version_that_does_not_serve_everywhere_says_where_and_why(
    first: str, second: str | None, said: str
) -> None:
    one = of(2, replica("a", v2=first), replica("b", **({"v2": second} if second else {})))

    assert one.health == said
    assert not one.well


def test_a_version_that_is_not_pinned_is_told_of_while_a_replica_has_something_to_say_of_it() -> None:
    there, gone = replica("a", v7="AVAILABLE", v8="END: bad", v9="END"), replica("b")

    assert of(7, there, gone).health == "not pinned; still loaded on 1 of 2 (a)"
    assert of(8, there).health == "not pinned; failing: bad"
    assert of(7, there).well
    assert 9 not in {one.version for one in health(MODEL, [there])}


def test_without_an_answer_nothing_is_known() -> None:
    one = of(2, ReplicaStatus("a", away="connection refused"))
    assert (one.health, one.well, one.states) == ("unknown: no replica answers", False, {})
