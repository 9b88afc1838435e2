"""Folders as people really have them: broken files, empty classes, odd names, links, and what is no picture at all."""

from __future__ import annotations

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec
from training import datasets
from training.datasets.dataset import Dataset
from training.errors import DatasetError

from .conftest import PictureFolder, encoded

SPEC = ImageSpec(12, 16, 3)
NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def load(path: Path, **options: object) -> Dataset:
    return datasets.load(str(path), spec=SPEC, **options)  # type: ignore[arg-type]  # passed on as they are


def parts(dataset: Dataset) -> list[int]:
    return [len(part) for part in dataset.parts.values()]


def pictures(folder: Path, count: int, seed: int = 0, form: str = "png") -> Path:
    """Writes so many small pictures of noise, none like another."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.{form}")
    return folder


def test_three_classes_of_twenty_with_broken_ones_and_an_empty_class(picture_folder: PictureFolder) -> None:
    root = picture_folder(20)
    for index in range(4):
        path = root / "red" / f"{index}.jpg"
        path.write_bytes(path.read_bytes()[: 100 * index])
    (root / "yellow").mkdir()
    (root / "violet").mkdir()
    (root / "violet" / "only notes.txt").write_text("x")
    dataset = load(root)
    assert dataset.labels == ("blue", "green", "red")
    assert dataset.empty == ("violet", "yellow")
    assert sum(parts(dataset)) == 56
    assert [one.file for one in dataset.skipped] == [
        *(f"red/{index}.jpg" for index in range(4)),
        "violet/only notes.txt",
    ]


def test_the_awkward_pictures_are_one_class_among_others(picture_folder: PictureFolder, shared: Path) -> None:
    root = picture_folder(5)
    shutil.copytree(shared / "data" / "pictures", root / "awkward", ignore=shutil.ignore_patterns("*.csv"))
    dataset = load(root)
    assert len(dataset.labels) == 8
    assert "awkward/orientation" in dataset.labels
    reasons = {one.file: one.reason for one in dataset.skipped}
    assert "awkward/made-here/bomb_30000x30000_1bit.png" in reasons
    assert reasons["awkward/made-here/empty.jpg"].endswith("an empty file")
    assert sum(parts(dataset)) + len(reasons) == sum(path.is_file() for path in root.rglob("*"))


def test_odd_names_are_labels_and_both_forms_of_an_accent_are_one(tmp_path: Path) -> None:
    names = ["with space", "日本", "Ünïcode 🙂", "a+b (c)", "#1 'quoted'"]
    for number, name in enumerate(names):
        pictures(tmp_path / "train" / name, 4, number)
        pictures(tmp_path / "test" / name, 1, 50 + number)
    pictures(tmp_path / "train" / NFD, 4, 7)
    pictures(tmp_path / "test" / NFC, 1, 8)
    dataset = load(tmp_path)
    assert set(dataset.labels) == {*names, NFC}
    assert parts(dataset) == [18, 6, 6]
    assert f"test/{NFC}/0.png" in dataset.test.files


def test_a_name_that_is_no_unicode_can_still_be_listed(tmp_path: Path) -> None:
    for label in ("a", "b"):
        pictures(tmp_path / label, 3)
    path = os.fsencode(tmp_path / "a") + b"/\xff\xfe.png"
    with open(path, "wb") as file:  # noqa: PTH123  pathlib takes no bytes
        file.write(b"no picture")
    (skipped,) = load(tmp_path).skipped
    assert skipped.file.encode("utf-8").endswith(b".png")


def test_hidden_files_and_folders_are_not_there(tmp_path: Path) -> None:
    for label in ("a", "b", ".git", "__MACOSX", ".thumbnails"):
        pictures(tmp_path / label, 3)
    pictures(tmp_path / "a" / ".cache", 3)
    (tmp_path / "a" / "._0.png").write_bytes(b"x")
    dataset = load(tmp_path)
    assert dataset.labels == ("a", "b")
    assert dataset.skipped == ()


def test_links_are_followed_but_not_round_in_a_circle(tmp_path: Path) -> None:
    elsewhere = pictures(tmp_path / "elsewhere", 4)
    root = tmp_path / "root"
    pictures(root / "a", 3, 5)
    (root / "b").symlink_to(elsewhere)
    (root / "a" / "link.png").symlink_to(elsewhere / "0.png")
    (root / "a" / "again").symlink_to(root)
    (root / "a" / "nowhere.png").symlink_to(root / "nothing")
    os.mkfifo(root / "a" / "pipe.png")
    dataset = load(root)
    assert dataset.labels == ("a", "b")
    assert sum(parts(dataset)) == 8
    reasons = {one.file: one.reason for one in dataset.skipped}
    assert reasons == {"a/nowhere.png": "Expected a file. Received: a link to nothing", "a/pipe.png": "Expected a file"}


def test_uppercase_extensions_and_strange_neighbours(tmp_path: Path) -> None:
    pictures(tmp_path / "a", 3, form="PNG")
    pictures(tmp_path / "b", 3, form="JPEG")
    for name in ("Thumbs.db", "desktop.ini"):
        (tmp_path / "a" / name).write_bytes(bytes(range(256)))
    Image.new("RGB", (9, 9)).save(tmp_path / "in no class.PNG")
    dataset = load(tmp_path)
    assert sum(parts(dataset)) == 6
    assert [one.file for one in dataset.skipped] == ["a/Thumbs.db", "a/desktop.ini", "in no class.PNG"]
    assert dataset.skipped[-1].reason == "lies in no class folder"


def test_one_class_is_refused_and_so_are_two_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "one" / "cat", 20)
    with pytest.raises(DatasetError, match=r"at least 2 folders of pictures.*Received: \['cat'\]"):
        load(tmp_path / "one")
    for label in ("cat", "dog"):
        pictures(tmp_path / "two" / label, 1)
    with pytest.raises(DatasetError, match=r"at least 3 readable pictures a class.*cat \(1\), dog \(1\)"):
        load(tmp_path / "two")
    pictures(tmp_path / "flat", 2)
    with pytest.raises(DatasetError, match=r"Received: \[\]; 2 pictures lie in no class folder"):
        load(tmp_path / "flat")


def test_five_hundred_classes_are_no_trouble_and_too_few_pictures_of_many_are_told_in_short(tmp_path: Path) -> None:
    for number in range(500):
        pictures(tmp_path / f"class {number:03}", 3, number)
    dataset = load(tmp_path)
    assert len(dataset.labels) == 500
    assert parts(dataset) == [500, 500, 500]
    for number in range(30):
        (tmp_path / f"class {number:03}" / "0.png").unlink()
    with pytest.raises(DatasetError, match=r"class 000 \(2\).*and 20 more classes$"):
        load(tmp_path)


def test_a_part_without_class_folders_is_no_part(tmp_path: Path) -> None:
    for label in ("a", "b"):
        pictures(tmp_path / "train" / label, 8)
    pictures(tmp_path / "test", 2, 9)
    (tmp_path / "val").mkdir()
    dataset = load(tmp_path)
    assert dataset.labels == ("a", "b")
    assert sum(parts(dataset)) == 16
    assert [one.file for one in dataset.skipped] == ["test/0.png", "test/1.png"]


def test_small_pictures_of_one_size_keep_it_and_others_do_not(tmp_path: Path) -> None:
    for number, label in enumerate(("a", "b")):
        pictures(tmp_path / label, 4, number)
    dataset = datasets.load(str(tmp_path))
    assert dataset.spec == ImageSpec(8, 8, 3)
    assert "8x8 in their files" in dataset.notes[0]
    grey = datasets.load(str(tmp_path), spec=datasets.PartialSpec(channels=1))
    assert grey.spec == ImageSpec(8, 8, 1)
    assert grey.train.images.shape[1:] == (8, 8, 1)
    assert datasets.load(str(tmp_path), spec=datasets.PartialSpec(height=20, width=30)).spec == ImageSpec(20, 30, 3)
    (tmp_path / "b" / "other.jpg").write_bytes(encoded((1, 2, 3), 0))
    other = datasets.load(str(tmp_path), spec=datasets.PartialSpec(resize="pad"))
    assert (other.spec, other.notes) == (ImageSpec(96, 96, 3, "pad"), ())


def test_grey_pictures_get_three_channels(tmp_path: Path) -> None:
    for number, label in enumerate(("a", "b")):
        (tmp_path / label).mkdir()
        for index in range(3):
            Image.new("L", (9, 7), 40 * index + number).save(tmp_path / label / f"{index}.png")
    assert datasets.load(str(tmp_path)).spec == ImageSpec(7, 9, 3)


def test_a_zip_from_a_mac_has_readable_names(tmp_path: Path) -> None:
    # A Mac writes UTF-8 in its composed-apart form, and does not set the flag that says so; Python always sets it.
    name = unicodedata.normalize("NFD", "été").encode()
    stand_in = "x" * len(name)
    path = tmp_path / "mac.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for label in (stand_in, "hiver"):
            for index in range(3):
                archive.writestr(f"{label}/{index}.jpg", encoded((9, 9, 9), index))
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), name))
    assert load(path).labels == ("hiver", "été")
