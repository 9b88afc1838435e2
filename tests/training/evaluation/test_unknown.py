"""Pictures of no known class: the threshold's rule, its figures, and where strangers come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.card import ImageSpec
from training.errors import EvaluationError
from training.evaluation.strangers import PATCHES, default_strangers, load_strangers
from training.evaluation.unknown import fit_threshold, measure_unknown

from ..conftest import PictureFolder


@given(st.lists(st.floats(0.125, 1, width=32), min_size=1, max_size=200))
def test_at_least_95_percent_of_the_validation_pictures_reach_the_threshold(confidence: list[float]) -> None:
    array = np.array(confidence, np.float32)
    threshold = fit_threshold(array)
    assert (array >= threshold).mean() >= 0.95
    assert 0 <= threshold <= 0.999


def test_the_threshold_refuses_about_5_percent_and_nothing_without_validation_pictures() -> None:
    assert fit_threshold(np.linspace(0, 1, 1001, dtype=np.float32)) == pytest.approx(0.05, abs=0.001)
    assert fit_threshold(np.empty(0, np.float32)) == 0


def test_a_detector_that_tells_them_apart_has_auroc_1_and_a_guessing_one_a_half() -> None:
    known, other = np.linspace(0.8, 1, 50, dtype=np.float32), np.linspace(0.1, 0.6, 30, dtype=np.float32)
    figures = measure_unknown(known, other, 0.7, "others")
    assert figures == {"threshold": 0.7, "kept": 1.0, "against": "others", "auroc": 1.0, "refused": 1.0}
    assert measure_unknown(known, known, 0.9, "others")["auroc"] == 0.5


def test_every_dataset_has_strangers_that_need_no_download() -> None:
    assert default_strangers("fashion_mnist") == "digits"
    assert default_strangers("digits") == PATCHES


@pytest.mark.parametrize("spec", [ImageSpec(8, 8, 1), ImageSpec(20, 30, 3, "crop")])
@pytest.mark.parametrize("source", ["digits", PATCHES])
def test_strangers_come_in_the_models_own_shape_and_always_the_same(source: str, spec: ImageSpec) -> None:
    images = load_strangers(source, spec)
    assert images.shape[1:] == spec.shape
    assert 300 < len(images) <= 1000
    assert images.std() > 20
    assert np.array_equal(images, load_strangers(source, spec))


def test_strangers_may_lie_in_any_folder_or_archive(picture_folder: PictureFolder, tmp_path: Path) -> None:
    folder = picture_folder(3)
    (folder / "notes.txt").write_text("no picture")
    spec = ImageSpec(12, 12, 3)
    images = load_strangers(str(folder), spec)
    assert images.shape == (9, 12, 12, 3)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", root_dir=folder)
    assert np.array_equal(load_strangers(archive, spec), images)


def test_strangers_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"Expected digits, .*photo_patches, or a folder.* Received: 'nowhere'"):
        load_strangers("nowhere", ImageSpec(8, 8))
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(EvaluationError, match="none that can be read"):
        load_strangers(str(tmp_path), ImageSpec(8, 8))
