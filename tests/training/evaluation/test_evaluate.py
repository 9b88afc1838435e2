"""The whole evaluation: of few and many classes, of good and bad models, of pictures that memory would not hold."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.datasets.dataset import Dataset, Part
from training.errors import EvaluationError
from training.evaluation.evaluate import evaluate
from training.predict import predict

from .conftest import MakeModel, make_dataset

KEYS = {
    "accuracy", "top_k", "log_loss", "macro", "weighted", "per_class", "confusion_matrix", "categories", "confused",
    "top_losses", "calibration", "unknown", "explanations", "explanations_skipped", "latency",
}  # fmt: skip


def pictures(value: Any) -> set[str]:
    """Every file that the figures name."""
    if isinstance(value, dict):
        named = {value[key] for key in ("picture", "overlay") if key in value}
        return named.union(*map(pictures, value.values()))
    return set().union(*map(pictures, value)) if isinstance(value, list) else set()


def checked(folder: Path, figures: dict[str, Any]) -> dict[str, Any]:
    """The figures, after what must hold for all: plain JSON, and the folder holds exactly the pictures named."""
    assert set(figures) == KEYS
    json.dumps(figures, allow_nan=False)
    named = pictures(figures)
    assert named == {f"evaluation/{path.name}" for path in (folder / "evaluation").iterdir()}
    for name in named:
        with Image.open(folder / name) as picture:
            assert max(picture.size) >= 128
    return figures


def test_a_model_is_measured_and_calibrated(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(6)
    dataset = make_dataset(model, validation=300, test=400)
    evaluation = evaluate(model, dataset, tmp_path)
    figures = checked(tmp_path, evaluation.figures)
    assert figures["accuracy"] == pytest.approx(0.7, abs=0.07)
    assert set(figures["top_k"]) == {"3", "5"}
    calibration = figures["calibration"]
    assert calibration["temperature"] < 0.8
    assert calibration["after"]["ece"] < calibration["before"]["ece"]
    # The model that is returned is the one that the figures are of.
    right = predict(evaluation.model, dataset.test.images)[np.arange(400), dataset.test.classes]
    assert figures["log_loss"] == pytest.approx(-np.log(np.maximum(right, 1e-7)).mean(), rel=1e-4)
    assert figures["log_loss"] == pytest.approx(calibration["after"]["log_loss"])
    assert figures["unknown"]["against"] == "digits"
    assert set(figures["latency"]) == {"1", "32"}


def test_the_worst_failures_come_first_with_their_pictures(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(4)
    dataset = make_dataset(model, test=200)
    files = tuple(f"folder/{number}.jpg" for number in range(200))
    figures = evaluate(model, replace(dataset, test=replace(dataset.test, files=files)), tmp_path).figures
    matrix = np.array(figures["confusion_matrix"])
    counts = [pair["count"] for pair in figures["confused"]]
    assert counts == sorted(matrix[~np.eye(4, dtype=bool) & (matrix > 0)].tolist(), reverse=True)
    for pair in figures["confused"]:
        row = dataset.labels.index(pair["right"])
        assert pair["count"] == matrix[row, dataset.labels.index(pair["answer"])]
        assert pair["share"] == pytest.approx(pair["count"] / matrix[row].sum())
        assert all((one["right"], one["answer"]) == (pair["right"], pair["answer"]) for one in pair["pictures"])
    found = [one["loss"] for one in figures["top_losses"]]
    assert found == sorted(found, reverse=True)
    worst = figures["top_losses"][0]
    index = int(worst["file"].removeprefix("folder/").removesuffix(".jpg"))
    with Image.open(tmp_path / worst["picture"]) as picture:
        shown = np.asarray(picture)
    assert np.array_equal(shown[::16, ::16], dataset.test.images[index, :, :, 0])


@pytest.mark.parametrize("classes", [2, 500])
def test_any_number_of_classes_can_be_measured(make_model: MakeModel, tmp_path: Path, classes: int) -> None:
    model = make_model(classes)
    figures = checked(tmp_path, evaluate(model, make_dataset(model), tmp_path).figures)
    assert np.shape(figures["confusion_matrix"]) == (classes, classes)


def test_a_model_without_a_mistake_has_nothing_confused(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(3, (16, 24, 3))
    figures = checked(tmp_path, evaluate(model, make_dataset(model, mistaken=0), tmp_path).figures)
    assert (figures["accuracy"], figures["confused"]) == (1.0, [])
    assert figures["calibration"]["temperature"] == 1
    assert all(one["right"] == one["answer"] for one in figures["explanations"])


def test_a_model_without_a_right_answer_can_be_measured(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(3)
    figures = checked(tmp_path, evaluate(model, make_dataset(model, mistaken=1), tmp_path).figures)
    assert (figures["accuracy"], len(figures["explanations"])) == (0.0, 6)


def test_one_test_picture_and_no_validation_picture_are_enough(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(2)
    figures = checked(tmp_path, evaluate(model, make_dataset(model, validation=0, test=1), tmp_path).figures)
    assert (figures["calibration"]["temperature"], figures["unknown"]["threshold"]) == (1.0, 0.0)


def test_without_test_pictures_there_is_nothing_to_measure(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(2)
    with pytest.raises(EvaluationError, match=r"Expected test pictures of noise.* Received: none"):
        evaluate(model, make_dataset(model, test=0), tmp_path)


def test_hierarchical_labels_are_measured_at_both_levels(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(3)
    labels = ("shoe/boot", "shoe/sandal", "shirt")
    figures = evaluate(model, make_dataset(model, labels=labels), tmp_path).figures
    assert figures["categories"]["labels"] == ["shoe", "shirt"]
    assert figures["categories"]["accuracy"] >= figures["accuracy"]


def test_the_same_model_and_data_give_the_same_figures_and_pictures(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(3)
    dataset = make_dataset(model)
    first, second = (evaluate(model, dataset, tmp_path).figures for _ in range(2))
    for figures in (first, second):
        del checked(tmp_path, figures)["latency"]
    assert json.dumps(first) == json.dumps(second)


def test_pictures_on_the_disk_are_read_batch_by_batch(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(3)
    dataset = make_dataset(model, test=1500)
    expected = evaluate(model, dataset, tmp_path).figures
    reads: list[int] = []

    class Watched(np.memmap):
        def __array_finalize__(self, source: object) -> None:
            super().__array_finalize__(source)
            reads.append(self.size)

    np.save(tmp_path / "images.npy", dataset.test.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r").view(Watched)
    reads.clear()
    screen = io.StringIO()
    figures = evaluate(model, with_test_images(dataset, mapped), tmp_path, out=screen).figures
    assert (figures["accuracy"], figures["top_losses"]) == (expected["accuracy"], expected["top_losses"])
    assert 0 < max(reads) <= 1024 * 64


def with_test_images(dataset: Dataset, images: Any) -> Dataset:
    return replace(dataset, test=Part(images, dataset.test.classes))


def test_another_backend_is_measured_without_heat_maps_and_says_so(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(3)
    dataset = make_dataset(model)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    figures = checked(tmp_path, evaluate(model, dataset, tmp_path).figures)
    assert figures["explanations"] == []
    assert "computed by TensorFlow, and this ran on jax" in figures["explanations_skipped"]
