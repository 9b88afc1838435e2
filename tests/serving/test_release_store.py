"""release.json and models.config are written together, whole, and one model at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from contract.release import ModelRelease, Release
from contract.versions import PublishError
from serving.models_config import render
from serving.release_store import ReleaseStore, RolloutBusy

ONE = ModelRelease((1,), {"stable": 1})


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "models", "/models")


def test_a_model_that_was_never_released_has_an_empty_state(store: ReleaseStore) -> None:
    assert store.model("digits") == ModelRelease()
    assert not store.root.exists()


def test_both_files_say_the_same(store: ReleaseStore) -> None:
    store.write_model("digits", ONE)

    assert Release.read(store.root) == Release({"digits": ONE})
    assert (store.root / "models.config").read_text() == render(Release({"digits": ONE}), "/models")


def test_the_empty_state_removes_a_model_and_leaves_the_others(store: ReleaseStore) -> None:
    store.write_model("digits", ONE)
    store.write_model("flowers", ONE)
    store.write_model("digits", ModelRelease())

    assert store.read() == Release({"flowers": ONE})


def test_nothing_is_written_where_nothing_changes(store: ReleaseStore) -> None:
    store.write_model("digits", ONE)
    files = [store.root / name for name in ("release.json", "models.config")]
    before = [(file.stat().st_ino, file.stat().st_mtime_ns) for file in files]

    store.write_model("digits", ONE)
    store.repair()

    assert [(file.stat().st_ino, file.stat().st_mtime_ns) for file in files] == before


@pytest.mark.parametrize("damage", ["gone", "old"])
def test_models_config_is_made_good_after_a_crash_between_the_two_files(store: ReleaseStore, damage: str) -> None:
    store.write_model("digits", ONE)
    path = store.root / "models.config"
    good = path.read_text()
    path.unlink() if damage == "gone" else path.write_text("model_config_list {}")

    store.repair()

    assert path.read_text() == good


def test_two_who_write_different_models_at_once_lose_nothing(store: ReleaseStore) -> None:
    names = [f"model{number}" for number in range(8)]
    threads = [threading.Thread(target=store.write_model, args=(name, ONE)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(store.read().models) == names
    assert (store.root / "models.config").read_text() == render(store.read(), "/models")


def test_a_reader_meets_the_old_or_the_new_state_never_a_mixture(store: ReleaseStore) -> None:
    states = [ModelRelease((number,), {"stable": number}) for number in (1, 2)]
    store.write_model("digits", states[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(60):
            store.write_model("digits", states[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert store.model("digits") in states
    writer.join()


def test_only_one_at_a_time_rolls_out_a_model_and_others_are_told(store: ReleaseStore) -> None:
    with store.rollout("digits"):
        with (
            pytest.raises(RolloutBusy, match="Another rollout of digits is under way; nothing was changed"),
            store.rollout("digits"),
        ):
            pass
        with store.rollout("flowers"):
            store.write_model("flowers", ONE)

    with store.rollout("digits"):
        assert store.read() == Release({"flowers": ONE})


def test_who_watches_a_rollout_leaves_room_for_other_commands_but_not_for_a_second_watcher(store: ReleaseStore) -> None:
    busy = pytest.raises(RolloutBusy, match="being watched already")
    with store.watch("digits"), store.rollout("digits"), busy, store.watch("digits"):
        pass


def test_a_repository_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "models"
    file.touch()
    store = ReleaseStore(file, "/models")

    refused = pytest.raises(OSError, match="Expected a model repository that can be written; nothing was changed")
    with refused, store.rollout("digits"):
        pass


def test_a_model_that_was_never_released_is_told_from_those_that_were(store: ReleaseStore) -> None:
    store.write_model("flowers", ONE)

    assert store.released("flowers") == ONE
    with pytest.raises(PublishError, match=r"Expected a model that was released in .*: flowers\. Received: digits"):
        store.released("digits")
