"""Datasets: what they hold, what is skipped, what is refused, and that their pixels are the gateway's."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contract.card import ImageSpec
from contract.images import decode
from training import datasets
from training.datasets.dataset import Dataset
from training.errors import DatasetError

from .conftest import COLOURS, ENVIRONMENT, ROOT, PictureFolder, encoded

SPEC = ImageSpec(12, 16, 3)


def parts(dataset: Dataset) -> list[int]:
    return [len(dataset.train), len(dataset.validation), len(dataset.test)]


def equal(one: Dataset, other: Dataset) -> bool:
    pairs = [(one.train, other.train), (one.validation, other.validation), (one.test, other.test)]
    return one.labels == other.labels and all(
        np.array_equal(a.images, b.images) and np.array_equal(a.classes, b.classes) for a, b in pairs
    )


def test_digits_are_grey_bytes_of_full_range_in_three_parts_without_overlap() -> None:
    dataset = datasets.load("digits")
    assert dataset.labels == tuple("0123456789")
    assert parts(dataset) == [1151, 287, 359]
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.images.shape[1:] == (8, 8, 1)
    assert (dataset.train.images.min(), dataset.train.images.max()) == (0, 255)
    seen = {image.tobytes() for image in dataset.train.images}
    assert not any(image.tobytes() in seen for image in dataset.test.images)
    assert not dataset.mirror


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    assert equal(datasets.load("digits", seed=3), datasets.load("digits", seed=3))
    assert not equal(datasets.load("digits", seed=3), datasets.load("digits", seed=4))


def test_the_built_in_datasets_refuse_another_size() -> None:
    with pytest.raises(DatasetError, match="leave out --image-size"):
        datasets.load("digits", spec=SPEC)


def test_fashion_mnist_comes_from_keras_home_with_its_official_test_pictures(shared: Path) -> None:
    # Keras reads KERAS_HOME once, when it is imported: hence a process of its own.
    script = """
from training import datasets
d = datasets.load("fashion_mnist")
print(len(d.train), len(d.validation), len(d.test), d.test.images.shape, d.test.classes[:10].tolist())
print(any("/" in label for label in d.labels))
"""
    environment = {**ENVIRONMENT, "KERAS_HOME": str(shared / "keras_home")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "55000 5000 10000 (10000, 28, 28, 1) [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]",
        "False",
    ], done.stderr


def test_fashion_mnist_that_cannot_be_downloaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")

    def fail() -> None:
        raise Exception("URL fetch failure on https://…: None -- unreachable")

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", fail)
    with pytest.raises(DatasetError, match=r"URL fetch failure.*put its four .gz files"):
        datasets.load("fashion_mnist")


def test_a_folder_is_split_by_class(picture_folder: PictureFolder) -> None:
    dataset = datasets.load(str(picture_folder(20, name="my photos")), spec=SPEC)
    assert (dataset.name, dataset.labels) == ("my-photos", ("blue", "green", "red"))
    for part, count in ((dataset.test, 3), (dataset.validation, 3), (dataset.train, 14)):
        assert np.bincount(part.classes).tolist() == [count] * 3
    brightest = dataset.train.images.mean(axis=(1, 2)).argmax(axis=1)
    assert (np.array([2, 1, 0])[dataset.train.classes] == brightest).all()


def test_the_training_array_is_the_gateways_bit_for_bit(picture_folder: PictureFolder) -> None:
    folder = picture_folder(5)
    dataset = datasets.load(str(folder), spec=SPEC)
    arrays = {image.tobytes() for part in (dataset.train, dataset.validation, dataset.test) for image in part.images}
    assert arrays == {decode(path.read_bytes(), SPEC).tobytes() for path in folder.rglob("*.jpg")}
    assert len(arrays) == 15


def test_the_training_array_of_real_photos_is_the_gateways_too(shared: Path, tmp_path: Path) -> None:
    for label, pattern in (("pictures", "photos/*.jpg"), ("turned", "orientation/*.jpg")):
        (tmp_path / label).mkdir()
        for path in (shared / "data" / "pictures").glob(pattern):
            shutil.copy(path, tmp_path / label)
    dataset = datasets.load(str(tmp_path))
    arrays = {image.tobytes() for part in (dataset.train, dataset.validation, dataset.test) for image in part.images}
    expected = {decode(path.read_bytes(), datasets.DEFAULT_SPEC).tobytes() for path in tmp_path.rglob("*.jpg")}
    assert len(expected) > 8
    assert arrays == expected


def test_files_that_are_no_pictures_are_listed_and_skipped(picture_folder: PictureFolder) -> None:
    folder = picture_folder(6)
    (folder / "red" / "notes.txt").write_text("not a picture")
    (folder / "red" / "broken.jpg").write_bytes(encoded((1, 2, 3), 0)[:300])
    (folder / "blue" / "empty.png").write_bytes(b"")
    (folder / "blue" / ".DS_Store").write_bytes(b"x")
    (folder / "README.md").write_text("beside the classes, and so of none")
    dataset = datasets.load(str(folder), spec=SPEC)
    assert sum(parts(dataset)) == 18
    assert [skipped.file for skipped in dataset.skipped] == ["blue/empty.png", "red/broken.jpg", "red/notes.txt"]
    assert "Received: text" in dataset.skipped[-1].reason


def test_folders_for_the_parts_are_used_as_they_are(picture_folder: PictureFolder) -> None:
    picture_folder(4, under="train")
    picture_folder(2, under="val")
    root = picture_folder(3, under="test")
    assert parts(datasets.load(str(root), spec=SPEC)) == [12, 6, 9]


def test_a_missing_part_is_taken_from_the_training_pictures(picture_folder: PictureFolder) -> None:
    picture_folder(10, under="train")
    root = picture_folder(3, under="test")
    assert parts(datasets.load(str(root), spec=SPEC)) == [24, 6, 9]


def test_a_class_only_in_the_test_part_is_refused(picture_folder: PictureFolder) -> None:
    picture_folder(4, under="train")
    root = picture_folder(2, under="test")
    (root / "test" / "red").rename(root / "test" / "pink")
    with pytest.raises(DatasetError, match=r"Expected in test the classes of train.*\['pink'\]"):
        datasets.load(str(root), spec=SPEC)


def test_folders_in_a_class_folder_make_sub_categories(picture_folder: PictureFolder) -> None:
    root = picture_folder(4)
    picture_folder(4, under="warm")
    assert datasets.load(str(root), spec=SPEC).labels == (
        "blue", "green", "red", "warm/blue", "warm/green", "warm/red",
    )  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
def test_an_archive_gives_what_the_folder_gives(picture_folder: PictureFolder, tmp_path: Path, form: str) -> None:
    folder = picture_folder(5)
    archive = shutil.make_archive(str(tmp_path / "packed"), form, root_dir=tmp_path, base_dir=folder.name)
    dataset = datasets.load(archive, spec=SPEC)
    assert dataset.name == "packed"
    assert equal(dataset, datasets.load(str(folder), spec=SPEC))
    assert len(dataset.originals) > 0


def test_a_zip_that_would_write_outside_its_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(DatasetError, match=r"not safe to unpack.*outside.txt"):
        datasets.load(str(path))


def hostile_members() -> Iterator[tarfile.TarInfo]:
    yield tarfile.TarInfo("../outside.txt")
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    yield link
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    yield device


@pytest.mark.parametrize("member", list(hostile_members()), ids=lambda member: str(member.name))
def test_a_tar_that_would_write_or_read_outside_its_folder_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(member, io.BytesIO(b""))
    with pytest.raises(DatasetError, match="not safe to unpack"):
        datasets.load(str(path))


def test_a_damaged_file_in_an_archive_is_skipped_and_a_damaged_archive_is_refused(
    picture_folder: PictureFolder, tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", root_dir=picture_folder(4)))
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as members:
        place = members.getinfo("green/2.jpg").header_offset
    data[place : place + 200] = bytes(200)
    archive.write_bytes(data)
    (skipped,) = datasets.load(str(archive), spec=SPEC).skipped
    assert skipped.file == "green/2.jpg"
    assert "Damaged inside the zip" in skipped.reason
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "gztar", root_dir=picture_folder(4, name="other")))
    packed.write_bytes(packed.read_bytes()[:2000])
    with pytest.raises(DatasetError, match=r"undamaged|cannot be unpacked"):
        datasets.load(str(packed))


def test_a_compressed_tar_larger_than_the_disk_is_refused(
    picture_folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "gztar", root_dir=picture_folder(3))
    monkeypatch.setattr("training.datasets.archive.MAX_EXPANDED_BYTES", 1000)
    with pytest.raises(DatasetError, match="Expected at most 1,000 bytes"):
        datasets.load(archive)


def test_what_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such: nowhere"):
        datasets.load("nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DatasetError, match="or a zip or tar of one"):
        datasets.load(str(tmp_path / "notes.txt"))
    with pytest.raises(DatasetError, match="Expected at least 2 folders"):
        datasets.load(str(tmp_path))


def test_a_class_of_too_few_pictures_is_named(picture_folder: PictureFolder) -> None:
    folder = picture_folder(4)
    for index in (0, 1):
        (folder / "red" / f"{index}.jpg").unlink()
    with pytest.raises(DatasetError, match=r"at least 3 readable pictures a class.*red \(2\)"):
        datasets.load(str(folder), spec=SPEC)


def test_three_pictures_of_each_class_are_enough(picture_folder: PictureFolder) -> None:
    dataset = datasets.load(str(picture_folder(3)), spec=SPEC)
    assert parts(dataset) == [3, 3, 3]
    assert all(np.bincount(p.classes).tolist() == [1] * len(COLOURS) for p in (dataset.train, dataset.test))
