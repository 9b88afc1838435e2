"""A published split, as a CSV file beside the pictures or anywhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contract.card import ImageSpec
from training import datasets
from training.datasets.split_file import read_split
from training.errors import DatasetError

from .conftest import PictureFolder

SPEC = ImageSpec(12, 16, 3)


def rows(root: Path, parts: dict[str, str]) -> list[str]:
    """A row for each picture; its part by the first letter of its name, as `parts` says."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    return [f"{name},{parts[Path(name).stem]}" for name in names if Path(name).stem in parts]


PARTS = {"0": "train", "1": "training", "2": "VAL", "3": "test", "4": "train"}


def test_a_split_file_decides_and_what_it_does_not_name_is_left_out(
    picture_folder: PictureFolder, tmp_path: Path
) -> None:
    root = picture_folder(6)
    split = tmp_path / "proposal.csv"
    split.write_text("\n".join(["path,label,split", *(row.replace(",", ",x,") for row in rows(root, PARTS))]))
    dataset = datasets.load(str(root), spec=SPEC, split=split)
    assert [len(part) for part in dataset.parts.values()] == [9, 3, 3]
    assert {Path(file).stem for file in dataset.train.files} == {"0", "1", "4"}
    assert [one.file for one in dataset.skipped] == ["blue/5.jpg", "green/5.jpg", "red/5.jpg"]
    assert dataset.skipped[0].reason == f"has no line in {split}"


def test_a_split_file_beside_the_classes_is_found_in_folders_and_archives(
    picture_folder: PictureFolder, tmp_path: Path
) -> None:
    root = picture_folder(5)
    (root / "split.csv").write_text("\ufefffile,part\r\n" + "\r\n".join(rows(root, PARTS)), encoding="utf-8")
    archive = shutil.make_archive(str(tmp_path / "packed"), "tar", root_dir=tmp_path, base_dir=root.name)
    for source in (str(root), archive):
        dataset = datasets.load(source, spec=SPEC)
        assert {Path(file).stem for file in dataset.test.files} == {"3"}
        assert dataset.skipped == ()


def test_a_missing_part_is_taken_from_the_training_pictures(picture_folder: PictureFolder, tmp_path: Path) -> None:
    root = picture_folder(8)
    split = tmp_path / "s.csv"
    split.write_text("file,split\n" + "\n".join(rows(root, {str(n): "test" if n > 5 else "train" for n in range(8)})))
    dataset = datasets.load(str(root), spec=SPEC, split=split)
    assert [len(part) for part in dataset.parts.values()] == [15, 3, 6]


def test_the_proposed_split_of_trashnet_is_used_as_it_is(shared: Path) -> None:
    trashnet = shared / "data" / "trashnet"
    split = read_split((trashnet / "split.csv").read_bytes(), "split.csv")
    dataset = datasets.load(str(trashnet / "trashnet_256.tar"), spec=ImageSpec(32, 32, 3), split=trashnet / "split.csv")
    assert [len(part) for part in dataset.parts.values()] == [1767, 380, 380]
    for name, part in dataset.parts.items():
        assert {split[file.removeprefix("trashnet/")] for file in part.files} == {name}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("picture,split\na,train", r"Expected a column 'file'.*Received: \['picture', 'split'\]"),
        ("file,label\na,b", r"Expected a column 'split'"),
        ("file,split\na,train\nb,maybe", r"Received: 'maybe' in line 3"),
        ("file,split\na", r"Received: None in line 2"),
        ("file,split\na,train\na,test", r"each file of s\.csv in one part. Received: 'a' in two"),
        ("file,split\na,test", r"Expected files to train on in s\.csv"),
        ('file,split\n"a,train', r"cannot be read as CSV"),
        ("file,split\n\xe9,train", r"cannot be read as CSV in UTF-8"),
    ],
)
def test_a_table_that_is_no_split_is_named(text: str, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        read_split(text.encode("latin-1"), "s.csv")


def test_a_split_of_other_files_or_of_a_built_in_set_or_none_is_refused(
    picture_folder: PictureFolder, tmp_path: Path
) -> None:
    split = tmp_path / "s.csv"
    with pytest.raises(DatasetError, match=r"No such: .*s\.csv"):
        datasets.load(str(picture_folder(4)), split=split)
    split.write_text("file,split\nx/1.jpg,train\n")
    with pytest.raises(DatasetError, match=r"such as blue/0\.jpg. Received: none that is there"):
        datasets.load(str(tmp_path / "colours"), split=split)
    with pytest.raises(DatasetError, match=r"leave out .* --split"):
        datasets.load("digits", split=split)
