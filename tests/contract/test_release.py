"""release.json, read back as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.release import (
    MOST_ENTRIES,
    MOST_REPORTS,
    AutomaticRollout,
    HistoryEntry,
    ModelRelease,
    Release,
    ReleaseError,
)

FULL = Release(
    {
        "digits": ModelRelease(
            versions=(1, 2, 10),
            labels={"stable": 2, "canary": 10},
            canary_percent=2.5,
            split="request",
            shadow=1,
            shadow_percent=50,
            previous=1,
            rollout=AutomaticRollout(10, (2.5, 50, 100), 0, "2026-01-03T00:00:00+00:00", every_s=60),
            history=(
                HistoryEntry("2026-01-01T00:00:00+00:00", "publish", 1),
                HistoryEntry("2026-01-02T00:00:00+00:00", "publish", 2, "was 1", report={"steps": [{"percent": 5}]}),
            ),
        ),
        "flowers": ModelRelease(),
    }
)


def model(**changes: object) -> str:
    return json.dumps({"models": {"digits": {"versions": [1, 2], "labels": {"stable": 2}, **changes}}})


def rollout(**changes: object) -> dict[str, object]:
    return {"version": 2, "steps": [5, 100], "step": 0, "since": "2026-01-01T00:00:00+00:00", "every_s": 60, **changes}


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(FULL.to_json())

    assert Release.read(tmp_path) == FULL
    assert Release.from_json(FULL.to_json().encode()) == FULL


def test_a_repository_without_the_file_has_an_empty_state(tmp_path: Path) -> None:
    assert Release.read(tmp_path) == Release()


def test_versions_and_labels_are_enough() -> None:
    assert Release.from_json(model()) == Release({"digits": ModelRelease((1, 2), {"stable": 2})})


def test_what_a_newer_release_has_written_besides_is_passed_over() -> None:
    entry = {"at": "2026-01-01", "action": "publish", "version": 2, "by": "somebody"}
    text = model(colour="red", history=[entry], rollout=rollout(paused=True))

    read = Release.from_json(text).models["digits"]

    assert read.history == (HistoryEntry("2026-01-01", "publish", 2),)
    assert read.rollout == AutomaticRollout(2, (5, 100), 0, "2026-01-01T00:00:00+00:00", 60)


def test_a_version_that_was_written_as_text_is_a_number_all_the_same() -> None:
    text = model(versions=["1", "2"], labels={"stable": "2"}, previous="1", shadow="1", rollout=rollout(version="2"))

    read = Release.from_json(text).models["digits"]

    assert (read.versions, read.labels, read.previous, read.shadow) == ((1, 2), {"stable": 2}, 1, 1)
    assert read.rollout == AutomaticRollout(2, (5, 100), 0, "2026-01-01T00:00:00+00:00", 60)


def test_what_is_used_is_what_something_names() -> None:
    assert FULL.models["digits"].used == (1, 2, 10)
    assert ModelRelease((1, 2, 3), {"stable": 3}, previous=2).used == (2, 3)
    under_way = AutomaticRollout(2, (5,), 0, "2026-01-01", every_s=60)
    assert ModelRelease((1, 2, 3), {"stable": 3}, rollout=under_way).used == (2, 3)


def test_the_history_keeps_so_many_entries_and_of_them_so_many_reports() -> None:
    release = ModelRelease()
    for number in range(MOST_ENTRIES + 5):
        release = release.with_entry(HistoryEntry("2026-01-01", "rollout", number, report={"number": number}))

    assert [entry.version for entry in release.history] == list(range(5, MOST_ENTRIES + 5))
    reports = [entry.report for entry in release.history if entry.report is not None]
    assert reports == [{"number": number} for number in range(MOST_ENTRIES + 5 - MOST_REPORTS, MOST_ENTRIES + 5)]


def test_replacing_one_model_leaves_the_others_and_the_original() -> None:
    changed = FULL.with_model("flowers", ModelRelease((1,)))

    assert (changed.models["digits"], changed.models["flowers"].versions) == (FULL.models["digits"], (1,))
    assert FULL.models["flowers"].versions == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (model(versions=[2, 1]), "versions must ascend without repeats. Received: [2, 1]"),
        (model(versions=[2, 2]), "versions must ascend without repeats. Received: [2, 2]"),
        (model(labels={"stable": 3}), "label 'stable' must name one of [1, 2]. Received: 3"),
        (model(canary_percent=101), "canary_percent must be from 0 to 100. Received: 101.0"),
        (model(canary_percent=-1), "canary_percent must be from 0 to 100. Received: -1.0"),
        (model(canary_percent=float("nan")), "canary_percent must be from 0 to 100. Received: nan"),
        (model(canary_percent=5), "canary_percent without a version labelled 'canary' must be 0. Received: 5.0"),
        (model(shadow_percent=101), "shadow_percent must be from 0 to 100. Received: 101.0"),
        (model(split="coin"), "split must be one of ['client', 'request']. Received: 'coin'"),
        (model(versions=[1.5, 2]), "a version must be a whole number. Received: 1.5"),
        (model(previous=True), "a version must be a whole number. Received: True"),
        (
            model().replace("digits", "../digits"),
            "Expected a model name of letters, digits, '.', '_' and '-'. Received: '../digits'",
        ),
        (model(shadow=9), "shadow must be one of [1, 2]. Received: 9"),
        (model(previous=9), "previous must be one of [1, 2]. Received: 9"),
        (model(rollout=rollout(version=9)), "rollout's version must be one of [1, 2]. Received: 9"),
        (model(rollout=rollout(steps=[])), "steps must ascend, above 0 and up to 100. Received: []"),
        (model(rollout=rollout(steps=[5, 5])), "steps must ascend, above 0 and up to 100. Received: [5.0, 5.0]"),
        (model(rollout=rollout(steps=[0, 5])), "steps must ascend, above 0 and up to 100. Received: [0.0, 5.0]"),
        (model(rollout=rollout(steps=[5, 101])), "steps must ascend, above 0 and up to 100. Received: [5.0, 101.0]"),
        (model(rollout=rollout(step=2)), "step must be one of 2, from 0. Received: 2"),
        (model(rollout=rollout(every_s=-1)), "every_s must be a number of seconds. Received: -1.0"),
        (model(rollout=rollout(every_s=float("nan"))), "every_s must be a number of seconds. Received: nan"),
    ],
)
def test_a_state_that_contradicts_itself_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        Release.from_json(text)
    assert str(caught.value) == f"release.json: {message}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"models": []}',
        '{"models": {"digits": {}}}',
        '{"models": {"digits": null}}',
        model(versions="no"),
        model(versions=None),
        model(labels=[]),
        model(canary_percent="much"),
        model(history=[{"at": "now"}]),
        model(history=[5]),
        model(rollout=rollout(every_s="soon")),
        model(rollout=rollout(step="first")),
        b"\xff",
    ],
)
def test_what_is_no_release_state_is_refused(text: Any) -> None:
    with pytest.raises(ReleaseError, match=r"release\.json is not a release state"):
        Release.from_json(text)
