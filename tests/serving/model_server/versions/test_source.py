"""What counts as a version on disk, and which versions each policy wants."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from serving.model_server.errors import InvalidArgument
from serving.model_server.versions.config import All, Latest, ModelConfig, Specific, VersionPolicy
from serving.model_server.versions.source import aspired_versions, shortcomings, version_directories


def test_good_versions_are_the_all_digit_directories(tmp_path: Path) -> None:
    for name in ("0", "1", "00012", "20250101120000", ".staging-3", "best", "4x", "-5", "+7", " 8", "9 ", "1.5", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").write_text("a file")
    for number in (2**63 - 1, 2**63, 10**200):
        (tmp_path / str(number)).mkdir()
    found = version_directories(ModelConfig("m", tmp_path))
    assert sorted(found) == [0, 1, 12, 20250101120000, 2**63 - 1]
    assert found[12] == tmp_path / "00012"


def test_good_links_count_as_what_they_point_to(tmp_path: Path) -> None:
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "1").symlink_to("somewhere")
    (tmp_path / "2").symlink_to("nowhere")
    (tmp_path / "3").symlink_to("file")
    (tmp_path / "4").symlink_to("4")
    assert version_directories(ModelConfig("m", tmp_path)) == {1: tmp_path / "1"}


def test_of_two_names_for_one_number_the_one_without_zeros_counts(tmp_path: Path) -> None:
    for name in ("1", "001", "01"):
        (tmp_path / name).mkdir()
    assert version_directories(ModelConfig("m", tmp_path)) == {1: tmp_path / "1"}


def test_an_empty_base_path_has_no_version_and_a_missing_one_no_answer(tmp_path: Path) -> None:
    assert version_directories(ModelConfig("m", tmp_path)) == {}
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "gone", "No such file or directory"), (tmp_path / "file", "Not a directory")):
        with pytest.raises(InvalidArgument, match=f"^Could not find base path {path} for servable m with .*{reason}$"):
            version_directories(ModelConfig("m", path))


def test_a_base_path_that_breaks_while_it_is_read_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1").mkdir()

    def stale(_path: Path) -> bool:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "is_dir", stale)
    with pytest.raises(InvalidArgument, match=r"with error Stale file handle$"):
        version_directories(ModelConfig("m", tmp_path))


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), [7]),
        (Latest(2), [5, 7]),
        (Latest(0), [7]),
        (Latest(9), [1, 5, 7]),
        (All(), [1, 5, 7]),
        (Specific(frozenset({1, 9})), [1]),
        (Specific(frozenset()), []),
    ],
)
def test_each_policy_wants_its_versions(policy: VersionPolicy, wanted: list[int]) -> None:
    found = {number: Path(f"/m/{number}") for number in (1, 5, 7)}
    assert sorted(aspired_versions(policy, found)) == wanted
    assert aspired_versions(policy, {}) == {}


def test_what_is_missing_is_said_in_tensorflow_servings_words() -> None:
    model = ModelConfig("m", Path("/m"), policy=Specific(frozenset({1, 2})))
    absent = (
        "Version {} of servable m, which was requested to be served as a 'specific' version in the servable's version "
        "policy, was not found in the file system"
    )
    nothing = (
        "No versions of servable m found under base path /m. "
        "Did you forget to name your leaf directory as a number (eg. '/1/')?"
    )
    assert shortcomings(model, {}) == [absent.format(1), absent.format(2), nothing]
    assert shortcomings(model, {1: Path("/m/1")}) == [absent.format(2)]
    assert shortcomings(ModelConfig("m", Path("/m")), {}) == [nothing]
    assert shortcomings(ModelConfig("m", Path("/m")), {1: Path("/m/1")}) == []
