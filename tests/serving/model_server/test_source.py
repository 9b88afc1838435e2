"""What counts as a version on disk, and which versions each policy wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.model_server.config import All, Latest, Specific, VersionPolicy
from serving.model_server.source import aspired_versions, version_directories


def test_good_versions_are_the_all_digit_directories(tmp_path: Path) -> None:
    for name in ("1", "00012", "20250101120000", ".staging-3", "best", "4x", "-5", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").write_text("a file")
    (tmp_path / ("9" * 20)).mkdir()
    found = version_directories(tmp_path)
    assert found is not None
    assert sorted(found) == [1, 12, 20250101120000]
    assert found[12] == tmp_path / "00012"


def test_an_empty_base_path_has_no_version_and_a_missing_one_no_answer(tmp_path: Path) -> None:
    assert version_directories(tmp_path) == {}
    assert version_directories(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), [7]),
        (Latest(2), [5, 7]),
        (Latest(0), [7]),
        (All(), [1, 5, 7]),
        (Specific(frozenset({1, 9})), [1]),
    ],
)
def test_each_policy_wants_its_versions(policy: VersionPolicy, wanted: list[int]) -> None:
    found = {number: Path(f"/m/{number}") for number in (1, 5, 7)}
    assert sorted(aspired_versions(policy, found)) == wanted
    assert aspired_versions(policy, {}) == {}
