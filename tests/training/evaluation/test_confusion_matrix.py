"""The picture of the confusion matrix: any number of classes, any label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.evaluation.confusion_matrix import draw_confusion_matrix


@pytest.mark.parametrize("classes", [1, 2, 10, 45, 500])
def test_the_confusion_matrix_is_a_picture_of_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    path = tmp_path / "matrix.png"
    draw_confusion_matrix(np.eye(classes, dtype=int).tolist(), [f"class {n}" for n in range(classes)], path)
    with Image.open(path) as picture:
        assert 500 <= min(picture.size) <= max(picture.size) <= 3000
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10


def test_labels_may_look_like_formulas_be_long_or_in_any_script(tmp_path: Path) -> None:
    labels = ["$x^$", "猫/黒", "née_de l'été", "a very long name of a folder that nobody shortened in time " * 3]
    draw_confusion_matrix(np.eye(4, dtype=int).tolist(), labels, tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").stat().st_size > 1000
