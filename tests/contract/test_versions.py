"""Publishing is whole or not at all, also when the publisher is killed or is not alone."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from contract.versions import PublishError, check_name, locked, publishing, version_numbers, write_atomically
from tests.conftest import ROOT

# Writes half a version, says so, and waits to be killed (or for a line).
PUBLISHER = """
import sys
from pathlib import Path
from contract.versions import publishing
with publishing(Path(sys.argv[1]), "digits") as (staging, version):
    (staging / "saved_model.pb").write_text("half")
    print("half", version, flush=True)
    sys.stdin.readline()
    (staging / "done").touch()
"""


@contextmanager
def publisher(repository: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the middle of publishing a version of digits, or about to be."""
    words = [sys.executable, "-c", PUBLISHER, str(repository)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield process
        process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def _outputs(*processes: subprocess.Popen[str]) -> list[IO[str]]:
    return [process.stdout for process in processes if process.stdout]


def publish(repository: Path, content: str = "graph") -> int:
    with publishing(repository, "digits") as (staging, version):
        (staging / "saved_model.pb").write_text(content)
    return version


def folders(repository: Path) -> list[str]:
    return sorted(path.name for path in (repository / "digits").iterdir())


def test_versions_count_up_from_1(tmp_path: Path) -> None:
    assert [publish(tmp_path), publish(tmp_path)] == [1, 2]
    assert folders(tmp_path) == ["1", "2"]
    assert (tmp_path / "digits" / "2" / "saved_model.pb").read_text() == "graph"


def test_the_next_version_is_above_the_highest_even_where_some_are_gone(tmp_path: Path) -> None:
    (tmp_path / "digits" / "41").mkdir(parents=True)

    assert publish(tmp_path) == 42


def test_no_version_is_seen_before_the_end_of_the_block(tmp_path: Path) -> None:
    with publishing(tmp_path, "digits") as (staging, version):
        (staging / "saved_model.pb").touch()
        assert staging.parent == tmp_path / "digits"
        assert not staging.name.isdigit()
        assert version_numbers(tmp_path / "digits") == []
    assert version_numbers(tmp_path / "digits") == [version]


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    publish(tmp_path)

    def break_off(staging: Path) -> None:
        (staging / "saved_model.pb").touch()
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"), publishing(tmp_path, "digits") as (staging, _):
        break_off(staging)

    assert folders(tmp_path) == ["1"]


def test_an_empty_version_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(PublishError, match="Expected a SavedModel to publish as version 1 of digits"),
        publishing(tmp_path, "digits"),
    ):
        pass
    assert folders(tmp_path) == []


def test_a_publisher_that_is_killed_leaves_no_version_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    with publisher(tmp_path) as process:
        assert said(process) == "half 1\n"
        process.kill()
        process.wait()

    (leftover,) = folders(tmp_path)
    assert not leftover.isdigit()
    assert version_numbers(tmp_path / "digits") == []
    assert publish(tmp_path) == 1
    assert folders(tmp_path) == ["1"]


def test_two_publishers_at_once_get_consecutive_versions(tmp_path: Path) -> None:
    with publisher(tmp_path) as first, publisher(tmp_path) as second:
        (ready, *_), _, _ = select.select(_outputs(first, second), [], [], 30)
        ahead, behind = (first, second) if ready is first.stdout else (second, first)
        assert not select.select(_outputs(behind), [], [], 0.2)[0], "the second waits for the first"
        for process, line in ((ahead, "half 1\n"), (behind, "half 2\n")):
            assert said(process) == line
            process.communicate("go on\n", timeout=30)
            assert process.returncode == 0
    assert folders(tmp_path) == ["1", "2"]
    assert all((tmp_path / "digits" / version / "done").exists() for version in "12")


def test_many_threads_publish_one_after_the_other(tmp_path: Path) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(publish(tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_only_folders_of_digits_are_versions(tmp_path: Path) -> None:
    for name in ("1", "10", "9", "007", "v2", "1.5", "-1", "", "٣", "draft"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "11").touch()

    assert version_numbers(tmp_path) == [1, 7, 9, 10]
    assert version_numbers(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["digits", "Fashion-MNIST_2.0", "0", "a" * 100])
def test_a_plain_name_is_a_model_name(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", ".a", "-a", "a b", "a\n", "é", "a" * 101])
def test_a_name_that_is_no_folder_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="Expected a model name of letters, digits"):
        check_name(name)
    with pytest.raises(PublishError), publishing(tmp_path / "models", name):
        pass
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("name", ["release.json", "models.config"])
def test_a_file_of_the_repository_is_no_model(name: str) -> None:
    with pytest.raises(PublishError, match=r"does not end in \.json or \.config"):
        check_name(name)


def test_the_lock_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    with publisher(tmp_path) as process:
        said(process)
        entered = threading.Event()

        def enter() -> None:
            with locked(tmp_path):
                entered.set()

        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.2)
        process.kill()
        assert entered.wait(10)
        thread.join()


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    write_atomically(path, "old")
    write_atomically(path, "nouveau é")

    assert path.read_text(encoding="utf-8") == "nouveau é"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_a_file_that_is_replaced_meets_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    texts = ["a" * 100_000, "b" * 200_000]
    write_atomically(path, texts[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(50):
            write_atomically(path, texts[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert path.read_text() in texts
    writer.join()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "release.json"
    write_atomically(path, "old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
