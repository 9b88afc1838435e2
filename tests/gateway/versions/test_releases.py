"""release.json is read as soon as it changes, however it changes, and its absence changes nothing."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from gateway.versions.releases import ReleaseWatcher


def text(stable: int) -> str:
    return Release({"digits": ModelRelease((1, 2), {"stable": stable})}).to_json()


def stable(watcher: ReleaseWatcher) -> int:
    found = watcher.model("digits")
    assert found
    return found.labels["stable"]


def test_a_file_that_comes_later_is_read(tmp_path: Path) -> None:
    watcher = ReleaseWatcher(tmp_path)
    assert watcher.release() == Release()
    write_atomically(tmp_path / FILE_NAME, text(1))
    assert stable(watcher) == 1


def test_each_replacement_is_read_at_once_even_with_the_size_and_the_time_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    watcher = ReleaseWatcher(tmp_path)
    for turn in range(20):
        write_atomically(path, text(1 + turn % 2))
        os.utime(path, ns=(1, 1))
        assert stable(watcher) == 1 + turn % 2


def test_what_is_written_over_in_place_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    watcher = ReleaseWatcher(tmp_path)
    path.write_text(text(1))
    assert stable(watcher) == 1
    path.write_text(text(2) + " ")
    assert stable(watcher) == 2


def swap(volume: Path, name: str, stable: int) -> None:
    """Replaces what a ConfigMap volume shows, as the kubelet does: a new folder, and a link that is renamed to it."""
    fresh = volume / name
    fresh.mkdir()
    (fresh / FILE_NAME).write_text(text(stable))
    os.utime(fresh / FILE_NAME, ns=(1, 1))
    (volume / "..data_tmp").symlink_to(name)
    (volume / "..data_tmp").rename(volume / "..data")


def test_a_swapped_link_of_a_configmap_is_seen(tmp_path: Path) -> None:
    swap(tmp_path, "..2026_11_21_1", 1)
    (tmp_path / FILE_NAME).symlink_to(f"..data/{FILE_NAME}")
    watcher = ReleaseWatcher(tmp_path)
    assert stable(watcher) == 1
    swap(tmp_path, "..2026_11_21_2", 2)
    assert stable(watcher) == 2
    swap(tmp_path, "..2026_11_21_3", 1)
    assert stable(watcher) == 1


def test_a_file_that_is_gone_leaves_the_last_state_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / FILE_NAME
    watcher = ReleaseWatcher(tmp_path)
    write_atomically(path, text(2))
    assert stable(watcher) == 2
    path.unlink()
    assert [stable(watcher) for _ in range(3)] == [2, 2, 2]
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1
    write_atomically(path, text(1))
    assert stable(watcher) == 1


def test_a_file_that_cannot_be_read_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = ReleaseWatcher(tmp_path)
    write_atomically(tmp_path / FILE_NAME, text(1))
    assert stable(watcher) == 1
    write_atomically(tmp_path / FILE_NAME, text(2))

    def refuse(_: Path) -> bytes:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", refuse)
        assert [stable(watcher) for _ in range(3)] == [1, 1, 1]
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1
    assert stable(watcher) == 2


def test_a_thread_that_reads_slowly_does_not_bring_an_old_state_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = ReleaseWatcher(tmp_path)
    reading, go_on = threading.Event(), threading.Event()
    read_bytes = Path.read_bytes

    def slowly(path: Path) -> bytes:
        found = read_bytes(path)
        if not reading.is_set():
            reading.set()
            assert go_on.wait(30)
        return found

    monkeypatch.setattr(Path, "read_bytes", slowly)
    write_atomically(tmp_path / FILE_NAME, text(1))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(watcher.release)
        assert reading.wait(30)
        write_atomically(tmp_path / FILE_NAME, text(2))
        second = threads.submit(watcher.release)
        # The second one may have finished or may wait for the first one.
        wait({second}, timeout=0.2)
        go_on.set()
        first.result(30)
        second.result(30)
    assert stable(watcher) == 2
