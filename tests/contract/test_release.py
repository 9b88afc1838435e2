"""release.json, read back as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.release import HistoryEntry, ModelRelease, Release, ReleaseError

FULL = Release(
    {
        "digits": ModelRelease(
            versions=(1, 2, 10),
            labels={"stable": 2, "canary": 10},
            canary_percent=2.5,
            shadow=1,
            history=(
                HistoryEntry("2026-01-01T00:00:00+00:00", "publish", 1),
                HistoryEntry("2026-01-02T00:00:00+00:00", "publish", 2, "was 1"),
            ),
        ),
        "flowers": ModelRelease(),
    }
)


def model(**changes: object) -> str:
    return json.dumps({"models": {"digits": {"versions": [1, 2], "labels": {"stable": 2}, **changes}}})


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(FULL.to_json())

    assert Release.read(tmp_path) == FULL
    assert Release.from_json(FULL.to_json().encode()) == FULL


def test_a_repository_without_the_file_has_an_empty_state(tmp_path: Path) -> None:
    assert Release.read(tmp_path) == Release()


def test_versions_and_labels_are_enough() -> None:
    assert Release.from_json(model()) == Release({"digits": ModelRelease((1, 2), {"stable": 2})})


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
        (model(shadow=9), "shadow must be one of [1, 2]. Received: 9"),
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
        b"\xff",
    ],
)
def test_what_is_no_release_state_is_refused(text: Any) -> None:
    with pytest.raises(ReleaseError, match=r"release\.json is not a release state"):
        Release.from_json(text)
