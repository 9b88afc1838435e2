"""Versions that nobody needs are deleted, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.client import VersionStatus
from contract.release import AutomaticRollout, ModelRelease
from serving.pruning import prune
from serving.release_store import ReleaseStore
from serving.replicas import ReplicaStatus
from serving.repository import ModelRepository
from tests.serving import saved_models
from tests.serving.conftest import Cli
from tests.serving.model_service import ModelService, serving

MODEL = ModelRelease(
    versions=(1, 2, 3, 5),
    labels={"stable": 3, "canary": 5},
    shadow=2,
    previous=1,
    rollout=AutomaticRollout(5, (5, 100), 0, "2026-01-02T03:04:05+00:00", 60),
)


def test_what_serves_stays_and_what_a_rollback_needs_and_the_newest_besides() -> None:
    plan = prune(range(1, 12), MODEL, keep=2)

    assert plan.deleted == (4, 6, 7, 8, 9)
    assert plan.kept == {
        1: "previous",
        2: "shadow",
        3: "stable",
        5: "canary, rolled out",
        10: "among the newest",
        11: "among the newest",
    }


def test_a_version_on_its_way_in_or_out_stays_too() -> None:
    assert prune([1, 2, 3, 4], ModelRelease((2, 3), {"stable": 3}), keep=0).kept[2] == "pinned"


def test_the_newest_stays_always_so_that_its_number_is_not_given_again() -> None:
    assert prune([1, 2, 3], ModelRelease((1,), {"stable": 1}), keep=0).deleted == (2,)
    assert prune([1, 2, 3], ModelRelease(), keep=0).deleted == (1, 2)
    assert prune([], ModelRelease(), keep=0).deleted == ()


def test_a_version_that_a_replica_has_loaded_stays_and_that_is_told() -> None:
    statuses = (VersionStatus(1, "AVAILABLE"), VersionStatus(2, "UNLOADING"), VersionStatus(3, "END"))
    plan = prune([1, 2, 3, 4, 5], ModelRelease((4,), {"stable": 4}), keep=0, seen=[ReplicaStatus("a", statuses)])

    assert (plan.deleted, plan.refused) == ((3,), (1, 2))
    assert plan.kept[1] == "loaded on a"


@given(
    versions=st.sets(st.integers(1, 30)),
    pinned=st.sets(st.integers(1, 30), min_size=1),
    keep=st.integers(0, 5),
)
def test_nothing_is_both_deleted_and_kept_and_no_pinned_version_is_ever_deleted(
    versions: set[int], pinned: set[int], keep: int
) -> None:
    plan = prune(sorted(versions), ModelRelease(tuple(sorted(pinned)), {"stable": min(pinned)}), keep)

    assert {*plan.deleted, *plan.kept} == versions
    assert not {*plan.deleted} & ({*plan.kept} | pinned)
    assert len(plan.kept.keys() - pinned) >= min(keep, len(versions - pinned))
    again = prune(sorted(plan.kept), ModelRelease(tuple(sorted(pinned)), {"stable": min(pinned)}), keep)
    assert again.deleted == ()


@pytest.fixture
def many(repository: Path) -> Path:
    """Digits 1 to 6, of which 2 is stable and 1 was so before."""
    for version in range(1, 7):
        saved_models.write(repository / "digits" / str(version), saved_models.card())
    ReleaseStore(repository, "/models").write_model("digits", ModelRelease((1, 2), {"stable": 2}, previous=1))
    return repository


def versions(repository: Path) -> list[int]:
    return ModelRepository(repository).versions("digits")


def test_prune_deletes_and_says_what_and_a_second_time_changes_nothing(many: Path, cli: Cli) -> None:
    kept = "kept: 1 (previous), 2 (stable), 5 (among the newest), 6 (among the newest).\n"

    dry = cli("prune", "digits", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, f"digits: would be deleted: 3, 4; {kept}")
    assert len(versions(many)) == 6
    assert cli("prune", "digits").stdout == f"digits: deleted: 3, 4; {kept}"
    assert versions(many) == [1, 2, 5, 6]
    assert cli("prune", "--all").stdout == f"digits: deleted: none; {kept}"
    assert sorted(path.name for path in (many / "digits").iterdir()) == ["1", "2", "5", "6"]


def test_what_a_prune_that_was_killed_left_is_deleted_by_the_next(many: Path, cli: Cli) -> None:
    (many / "digits" / "3").rename(many / "digits" / ".removed-3-0123")

    done = cli("prune", "digits", "--keep", "9")

    assert done.stdout.startswith(f"{many}/digits/.removed-3-0123, left half deleted or half uploaded, is deleted.\n")
    assert not (many / "digits" / ".removed-3-0123").exists()


def test_prune_waits_for_no_rollout_but_is_told_of_it(many: Path, cli: Cli) -> None:
    with ReleaseStore(many, "/models").rollout("digits"):
        done = cli("prune", "digits", "--keep", "0")

    assert done.returncode == 1
    assert "Another rollout of digits is under way" in done.stderr
    assert len(versions(many)) == 6


def test_prune_asks_the_model_servers_that_are_named(many: Path, cli: Cli, free_port: Callable[[], int]) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with serving(ModelService(states={"digits": {2: "AVAILABLE", 3: "AVAILABLE", 4: "END"}})) as server:
        away = cli("prune", "digits", "--replica", server.address, nobody)
        assert len(versions(many)) == 6
        done = cli("prune", "digits", "--replica", server.address)

    assert away.returncode == 1
    assert f"No answer from {nobody}" in away.stderr
    assert (done.returncode, versions(many)) == (1, [1, 2, 3, 5, 6])
    assert f"3 (loaded on {server.address})" in done.stdout


def test_a_version_that_is_a_link_loses_the_link_and_not_what_it_leads_to(many: Path, tmp_path: Path) -> None:
    elsewhere = saved_models.write(tmp_path / "elsewhere", saved_models.card())
    (many / "digits" / "7").symlink_to(elsewhere)

    ModelRepository(many).remove("digits", 7)

    assert versions(many) == [1, 2, 3, 4, 5, 6]
    assert (elsewhere / "saved_model.pb").exists()


@pytest.mark.parametrize("words", [[], ["digits", "--all"], ["digits", "--keep", "-1"]])
def test_a_prune_of_nothing_in_particular_is_not_understood(many: Path, cli: Cli, words: list[str]) -> None:
    assert cli("prune", *words).returncode == 2
    assert len(versions(many)) == 6


def test_a_prune_of_a_model_that_is_not_there_is_no_success(many: Path, cli: Cli) -> None:
    done = cli("prune", "digit")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: Expected a model in {many}: digits. Received: digit\n"
    assert not (many / ".rollout-digit").exists()
