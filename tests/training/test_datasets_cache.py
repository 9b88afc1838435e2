"""The cache of decoded pictures: decoded once, read off the disk, never half, never in the way."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec
from training import datasets
from training.datasets import decoding
from training.datasets.cache import Cache
from training.datasets.dataset import Dataset
from training.datasets.source import File, Folder
from training.errors import DatasetError

from .conftest import PictureFolder, encoded

SPEC = ImageSpec(12, 16, 3)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("VITRINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(path: Path) -> Dataset:
    return datasets.load(str(path), spec=SPEC)


def entry_of(cache: Path) -> Path:
    (entry,) = cache.iterdir()
    return entry


def same(one: Dataset, other: Dataset) -> bool:
    return datasets.fingerprint(one) == datasets.fingerprint(other) and all(
        np.array_equal(one.parts[name].images, part.images) and one.parts[name].files == part.files
        for name, part in other.parts.items()
    )


def test_pictures_stay_on_the_disk_and_a_batch_is_read_from_there(picture_folder: PictureFolder, cache: Path) -> None:
    dataset = load(picture_folder(6))
    for part in dataset.parts.values():
        assert isinstance(part.images, np.memmap)
        assert not part.images.flags.writeable
        batch = part.take(np.array([2, 0]))
        assert not isinstance(batch.images, np.memmap)
        assert np.array_equal(batch.images[1], part.images[0])
        assert batch.files == (part.files[2], part.files[0])
        for file, index in zip(part.files, part.classes, strict=True):
            assert file.split("/")[0] == dataset.labels[index]


@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_a_second_load_decodes_nothing(
    picture_folder: PictureFolder, tmp_path: Path, cache: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture_folder(5)
    if form != "folder":
        path = Path(shutil.make_archive(str(tmp_path / "packed"), form, root_dir=path))
    (first, again) = load(path), None
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", None)
        again = load(path)
    assert same(first, again)
    assert again.originals == first.originals


def test_a_changed_file_or_another_seed_or_size_is_another_dataset(picture_folder: PictureFolder, cache: Path) -> None:
    root = picture_folder(5)
    prints = {datasets.fingerprint(load(root)), datasets.fingerprint(datasets.load(str(root), spec=SPEC, seed=1))}
    prints.add(datasets.fingerprint(datasets.load(str(root), spec=ImageSpec(12, 16, 1))))
    (root / "red" / "0.jpg").write_bytes(encoded((0, 0, 0), 99))
    prints.add(datasets.fingerprint(load(root)))
    (root / "red" / "0.jpg").rename(root / "red" / "renamed.jpg")
    prints.add(datasets.fingerprint(load(root)))
    assert len(prints) == 5


def test_the_fingerprint_is_that_of_the_content_not_of_the_place(
    picture_folder: PictureFolder, tmp_path: Path, cache: Path
) -> None:
    root = picture_folder(4)
    before = datasets.fingerprint(load(root))
    for path in root.rglob("*.jpg"):
        os.utime(path, (1, 1))
    assert datasets.fingerprint(load(root.rename(tmp_path / "elsewhere"))) == before
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    "damage", ["half pictures", "other pixels", "half index", "no index", "no hashes", "no folder"]
)
def test_a_damaged_entry_is_made_anew(picture_folder: PictureFolder, cache: Path, damage: str) -> None:
    root = picture_folder(5)
    first = load(root)
    entry = entry_of(cache)
    copy = {name: np.array(part.images) for name, part in first.parts.items()}
    pictures, index = entry / "pictures.npy", entry / "index.json"
    if damage == "half pictures":
        os.truncate(pictures, 2000)
    elif damage == "other pixels":
        shutil.copy(pictures, entry / "copy.npy")
        (entry / "copy.npy").write_bytes(pictures.read_bytes()[:-64] + bytes(64))
        (entry / "copy.npy").replace(pictures)
    elif damage == "half index":
        index.write_bytes(index.read_bytes()[:50])
    elif damage == "no folder":
        shutil.rmtree(entry)
    else:
        (index if damage == "no index" else entry / "hashes.npy").unlink()
    again = load(root)
    assert all(np.array_equal(copy[name], part.images) for name, part in again.parts.items())
    assert entry_of(cache) == entry


def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    picture_folder: PictureFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = picture_folder(4)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
        with pytest.raises(
            DatasetError, match=r"Expected 13,824 free bytes.*Received: 10\. VITRINE_CACHE names another"
        ):
            load(root)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(
    picture_folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("VITRINE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DatasetError, match=r"cannot be kept in .*VITRINE_CACHE names another folder"):
        load(picture_folder(4))


def test_ctrl_c_leaves_no_thread_and_no_half_entry(
    picture_folder: PictureFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Folder.read

    def interrupted(folder: Folder, file: File) -> bytes:
        if file.name == "green/3.jpg":
            os.kill(os.getpid(), signal.SIGINT)
        return read(folder, file)

    monkeypatch.setattr(Folder, "read", interrupted)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        load(picture_folder(8))
    assert threading.active_count() == threads
    assert list(cache.iterdir()) == []


def test_a_long_decoding_shows_how_far_it_is(
    picture_folder: PictureFolder, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(decoding, "_QUIET_S", 0)
    monkeypatch.setattr(decoding, "_MAX_BATCH", 4)
    datasets.load(str(picture_folder(4)), spec=SPEC, out=sys.stdout)
    assert capsys.readouterr().out.startswith("Reading pictures: 4 of 12, ")


def test_pictures_larger_than_the_memory_in_use_are_decoded_and_read(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for index in range(200):
        folder = tmp_path / "data" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).save(folder / f"{index}.png")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    tracemalloc.start()
    dataset = datasets.load(str(tmp_path / "data"), spec=ImageSpec(400, 400, 3))
    mean, _ = datasets.channel_statistics(dataset.train.images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(part.images.nbytes for part in dataset.parts.values()) == 96_000_000
    assert peak < 48_000_000
    assert mean == pytest.approx(dataset.train.images.mean(axis=(0, 1, 2)))


def hundred_bytes(folder: Path) -> None:
    (folder / "file").write_bytes(bytes(100))


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=250)
    for number, key in enumerate(("first", "second")):
        cache.build(key, hundred_bytes)
        os.utime(tmp_path / key, (number, number))
    assert cache.find("first", Path.is_dir) == tmp_path / "first"
    left = tmp_path / ".staging-of-a-killed-process"
    left.mkdir()
    os.utime(left, (1, 1))
    cache.build("third", hundred_bytes)
    assert {path.name for path in tmp_path.iterdir()} == {"first", "third"}


def test_statistics_are_exact_for_any_number_of_channels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 3), np.uint8)
    mean, variance = datasets.channel_statistics(images)
    assert mean == pytest.approx(images.mean(axis=(0, 1, 2)), rel=1e-12)
    assert variance == pytest.approx(images.astype(float).var(axis=(0, 1, 2)), rel=1e-12)
    assert datasets.channel_statistics(images[..., :1])[0] == pytest.approx(mean[:1])
