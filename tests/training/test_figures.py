"""Progress, the folders of runs."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.card import ImageSpec, ModelCard
from training.datasets.split import stratified
from training.errors import RunError
from training.progress import Epoch, Progress, duration
from training.runs import Run, find_run, new_run

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
CARD = ModelCard(name="m", labels=("a", "b"), image=ImageSpec(2, 2, 1))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_split_loses_nothing_and_leaves_something_of_every_class(classes: list[int], share: float, seed: int) -> None:
    array = np.array(classes, np.int64)
    kept, taken = stratified(array, share, seed)
    assert sorted([*kept, *taken]) == list(range(len(classes)))
    assert set(array[kept]) == set(classes)
    assert all((array[taken] == value).any() for value in set(classes) if classes.count(value) > 1)


class Screen(io.StringIO):
    """A terminal, if told so."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def show(*, terminal: bool) -> tuple[str, str]:
    """Two epochs of 100 pictures, a batch of 10 a second, on a clock of our own."""
    now = 0.0
    screen, log = Screen(terminal=terminal), io.StringIO()
    progress = Progress(epochs=2, images_per_epoch=100, out=screen, log=log, clock=lambda: now)
    for epoch in (1, 2):
        for images in range(10, 101, 10):
            now += 1.0
            progress.step(epoch, images, 0.5, 0.75)
        progress.epoch(Epoch(epoch, 0.5, 0.75, 0.6, 0.7, 10.0))
    return screen.getvalue(), log.getvalue()


def test_progress_on_a_terminal_renews_one_line() -> None:
    screen, log = show(terminal=True)
    assert screen.count("\n") == 2
    assert "\r\x1b[Kepoch 1/2   50%  loss 0.5000  accuracy 0.7500  10 images/s  15s left" in screen
    assert "\x1b" not in log


def test_progress_elsewhere_is_plain_lines_now_and_then() -> None:
    screen, log = show(terminal=False)
    assert "\r" not in screen
    assert screen.splitlines()[-1] == log.splitlines()[-1]
    assert len(screen.splitlines()) <= 4
    assert "epoch 1/2  loss 0.5000  accuracy 0.7500  validation loss 0.6000  accuracy 0.7000" in log


def test_of_hundreds_of_short_epochs_some_are_told_and_the_log_has_all() -> None:
    screen, log = io.StringIO(), io.StringIO()
    seconds = iter(0.5 * step for step in range(10_000))
    progress = Progress(epochs=200, images_per_epoch=10, out=screen, log=log, clock=lambda: next(seconds))
    for epoch in range(1, 201):
        progress.epoch(Epoch(epoch, 0.5, 0.75, 0.6, 0.7, 0.5))
    assert len(log.getvalue().splitlines()) == 200
    told = screen.getvalue().splitlines()
    assert 10 < len(told) < 120
    assert told[-1].startswith("epoch 200/200")


def test_durations_are_for_people() -> None:
    assert [duration(s) for s in (9.4, 75, 3700)] == ["9s", "1m 15s", "1h 01m"]


def finished(runs: Path, dataset: str, now: datetime = NOON) -> Run:
    run = new_run(runs, dataset, now)
    run.card.write_text(CARD.to_json())
    return run


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    names = [new_run(tmp_path, "digits", NOON).folder.name for _ in range(3)]
    assert names == ["digits-20260102-120000", "digits-20260102-120000-2", "digits-20260102-120000-3"]


def test_latest_is_the_finished_run_that_began_last_whatever_its_dataset(tmp_path: Path) -> None:
    finished(tmp_path, "zebras", NOON.replace(hour=11))
    finished(tmp_path, "apples")
    last = finished(tmp_path, "apples")
    new_run(tmp_path, "apples", NOON.replace(hour=13))
    assert find_run("latest", tmp_path) == last


def test_a_run_is_found_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    run = finished(tmp_path, "digits")
    assert find_run(str(run.folder), Path("elsewhere")) == run
    assert find_run(run.folder.name, tmp_path) == run


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path, "digits", NOON)
    with pytest.raises(RunError, match=r"not a finished run: it has no card.json"):
        find_run(str(run.folder), tmp_path)
    with pytest.raises(RunError, match=r"only unfinished ones \(1\)"):
        find_run("latest", tmp_path)


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Received: 'nope'"):
        find_run("nope", tmp_path)
    with pytest.raises(RunError, match=r"Expected a finished run in .*: none"):
        find_run("latest", tmp_path / "missing")


def test_a_damaged_card_is_named(tmp_path: Path) -> None:
    run = new_run(tmp_path, "digits", NOON)
    run.card.write_text("{")
    with pytest.raises(RunError, match=r"card.json is damaged"):
        find_run(str(run.folder), tmp_path)
