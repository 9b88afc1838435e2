"""What was measured outlives the process that measured it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.tuning.journal import FINAL, Journal, JournalError
from tests.serving.tuning.conftest import SUBJECT
from tests.serving.tuning.rounds import BATCHING, ONE_THREAD


def test_a_journal_is_read_as_it_was_written(journal: Journal, tmp_path: Path) -> None:
    journal.failed[ONE_THREAD] = "it ended"
    journal.note("busy")
    journal.write(tmp_path / "measurements.json")
    assert Journal.read(tmp_path / "measurements.json") == journal


def test_rounds_before_the_final_make_a_candidate_known(journal: Journal) -> None:
    assert journal.knows(BATCHING, 3)
    assert not journal.knows(BATCHING, 4)
    assert {one.stage for one in journal.final} == {FINAL}
    assert not {one.stage for one in journal.searched} & {FINAL}


def test_a_candidate_that_cannot_run_is_known(journal: Journal) -> None:
    journal.rounds.clear()
    journal.failed[BATCHING] = "it ended"
    assert journal.knows(BATCHING, 1)


def test_another_subject_is_told_by_its_differences(journal: Journal) -> None:
    assert journal.differs(SUBJECT) == []
    assert journal.differs({**SUBJECT, "cpus": 8}) == ["cpus was 2, is 8"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 1, "rounds": [{}]}', "\udcff"]
)
def test_a_damaged_journal_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(JournalError, match="Expected"):
        Journal.read(path)


def test_a_measurement_without_its_figures_is_refused(journal: Journal, tmp_path: Path) -> None:
    told = journal.to_dict()
    del told["rounds"][0]["results"][0]["measured"]["p99_ms"]
    path = tmp_path / "measurements.json"
    path.write_text(json.dumps(told))
    with pytest.raises(JournalError, match="p99_ms"):
        Journal.read(path)


def test_a_note_is_made_once(journal: Journal) -> None:
    journal.note("busy")
    journal.note("busy")
    assert journal.notes == ["busy"]
