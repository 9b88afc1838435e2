"""The look at the data before training: what it counts, what it writes, what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec
from training import datasets
from training.cli import main
from training.inspection import Inspection, inspect, summary, write

from ..conftest import PictureFolder


@pytest.fixture
def messy(picture_folder: PictureFolder) -> Path:
    """Three classes; a copy under another label, a re-encoded one in another part, a broken file, an empty class."""
    train = picture_folder(6, under="train")
    test = picture_folder(3, under="test")
    rng = np.random.default_rng(5)
    for path in test.glob("test/*/*.jpg"):  # None like those to train on.
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(path)
    photo = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize((50, 40), Image.Resampling.BICUBIC)
    photo.save(train / "train" / "red" / "photo.png")
    shutil.copy(train / "train" / "red" / "photo.png", train / "train" / "blue" / "the same.png")
    photo.resize((100, 80)).save(test / "test" / "red" / "again.webp", quality=60)
    (train / "train" / "green" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (train / "train" / "Ünused").mkdir()
    return train


def inspected(path: Path) -> Inspection:
    return inspect(datasets.load(str(path), spec=ImageSpec(30, 40, 3)))


def test_the_json_has_what_a_report_needs(messy: Path, tmp_path: Path) -> None:
    write(inspected(messy), tmp_path / "run" / "data")
    found = json.loads((tmp_path / "run" / "data" / "inspection.json").read_text(encoding="utf-8"))
    assert list(found["counts"]) == ["blue", "green", "red"]
    assert sum(found["counts"]["red"].values()) == 11
    assert found["counts"]["red"]["test"] == 4
    assert found["sizes"] == {"smallest": [40, 30], "median": [40, 30], "largest": [100, 80]}
    assert found["formats"] == {"JPEG": 27, "PNG": 2, "WEBP": 1}
    assert found["skipped"][0]["file"] == "train/green/broken.jpg"
    assert found["empty"] == ["Ünused"]
    assert found["samples"] == "data/samples.png"
    near, exact = found["duplicates"]
    assert (near["kind"], near["labels_differ"], near["across_parts"]) == ("near", True, True)
    assert near["files"][-1] == {"file": "test/red/again.webp", "part": "test", "label": "red"}
    assert (exact["kind"], exact["labels_differ"]) == ("exact", True)
    assert {one["file"] for one in exact["files"]} == {"train/blue/the same.png", "train/red/photo.png"}


def test_the_samples_are_a_row_of_pictures_for_each_class(messy: Path, tmp_path: Path) -> None:
    inspection = inspected(messy)
    assert [(label, images.shape[1:]) for label, images in inspection.samples] == [
        ("blue", (30, 40, 3)), ("green", (30, 40, 3)), ("red", (30, 40, 3)),
    ]  # fmt: skip
    write(inspection, tmp_path)
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.height == 3 * 102 + 6


def test_many_classes_make_a_sheet_and_a_summary_of_some(tmp_path: Path) -> None:
    for number in range(60):
        folder = tmp_path / "data" / f"class {number:02} {'x' * 40}"
        folder.mkdir(parents=True)
        for index in range(3 + number % 2 * 4):
            noise = np.random.default_rng(10 * number + index).integers(0, 256, (6, 9), np.uint8)
            Image.fromarray(noise).save(folder / f"{index}.png")
    inspection = inspect(datasets.load(str(tmp_path / "data")))
    assert len(inspection.samples) == 24
    write(inspection, tmp_path / "out")
    text = summary(inspection)
    assert "... and 50 more classes, of 3 to 7 pictures" in text
    assert "The largest class has 2.3 times the pictures of the smallest" in text
    assert "Duplicates: none" in text


def test_a_built_in_set_is_inspected_without_files() -> None:
    inspection = inspect(datasets.load("digits"))
    assert inspection.formats == {}
    assert inspection.sizes["largest"] == (8, 8)
    assert sum(sum(row.values()) for row in inspection.counts.values()) == 1797


def test_trashnets_three_pictures_with_two_labels_are_found(shared: Path) -> None:
    trashnet = shared / "data" / "trashnet"
    dataset = datasets.load(str(trashnet / "trashnet_256.tar"), spec=ImageSpec(32, 32, 3), split=trashnet / "split.csv")
    differing = {
        frozenset(Path(picture.file).stem for picture in group.pictures)
        for group in inspect(dataset).duplicates
        if group.labels_differ
    }
    pairs = [("glass115", "metal91"), ("glass176", "plastic152"), ("glass389", "plastic332")]
    assert differing == {frozenset(pair) for pair in pairs}


def test_the_command_prints_and_writes(messy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["inspect", "--dataset", str(messy), "--image-size", "30x40", "--output", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "colours: 30 pictures in 3 classes"
    for sentence in (
        "Sizes: 40x30 to 100x80, in the middle 40x30. Formats: 27 JPEG, 2 PNG, 1 WEBP",
        "Not readable and left out (1):\n  train/green/broken.jpg: ",
        "Without a readable picture, and so no class (1):\n  Ünused",
        "Duplicates: 1 exact and 1 near; 2 with labels that differ, 1 in more than one part",
        f"Written: {out}/inspection.json and samples.png",
    ):
        assert sentence in printed
    assert {path.name for path in out.iterdir()} == {"inspection.json", "samples.png"}


def test_the_command_refuses_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--dataset", "nowhere"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("Error: Expected digits, fashion_mnist, cifar10, or a folder")
