"""Several views of a picture: what they are, and that everything that takes a network takes it with them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training import datasets
from training.datasets.dataset import Dataset
from training.evaluation.calibration import calibrated
from training.export.signatures import with_heatmaps
from training.networks import KerasModel, Pixels
from training.networks.views import Views, with_views, without_mirror
from training.predict import predict
from training.presets import PRESETS
from training.provenance import architecture
from training.train import Settings, train

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits")


@pytest.fixture(scope="module")
def network() -> KerasModel:
    """Of random weights, for the pictures above."""
    keras.utils.set_random_seed(0)
    return PRESETS["resnet-small"]().network(Pixels((20, 24, 3), [128.0] * 3, [4000.0] * 3, classes=4))


def scores(network: KerasModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of the layer ``logits``."""
    return np.asarray(keras.Model(network.input, network.get_layer("logits").output)(images))


def test_scores_are_the_mean_over_the_views(network: KerasModel) -> None:
    around = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    shifted = [around[:, top : top + 20, left : left + 24] for top in (0, 2) for left in (0, 2)]
    five = [IMAGES, *shifted]
    views: dict[Views, list[np.ndarray]] = {
        1: [IMAGES],
        2: [IMAGES, IMAGES[:, :, ::-1]],
        5: five,
        10: [*five, *(look[:, :, ::-1] for look in five)],
    }
    for count, looks in views.items():
        assert len(looks) == count
        expected = np.mean([scores(network, look) for look in looks], axis=0)
        assert scores(with_views(network, count), IMAGES) == pytest.approx(expected, abs=1e-4)


def test_tiny_pictures_are_not_shifted() -> None:
    network = PRESETS["resnet-small"]().network(Pixels((16, 24, 1), [128.0], [4000.0], classes=4))
    assert with_views(network, 5) is network
    image = IMAGES[:1, :16, :, :1]
    expected = (scores(network, image) + scores(network, image[:, :, ::-1])) / 2
    assert scores(with_views(network, 10), image) == pytest.approx(expected, abs=1e-4)


def test_heatmaps_are_of_the_picture_itself(network: KerasModel) -> None:
    probabilities, maps = with_heatmaps(with_views(network, 10))(IMAGES)
    assert probabilities.shape == (3, 4)
    assert maps.shape[0] == 3
    assert maps.numpy().reshape(3, -1).max(axis=1) == pytest.approx([1, 1, 1])
    # Whoever mirrors the picture sees the other half of the views: the same scores, and the maps of that picture.
    assert not np.allclose(maps, with_heatmaps(with_views(network, 10))(IMAGES[:, :, ::-1])[1])


def test_the_same_layers_are_told_and_saved(network: KerasModel, tmp_path: Path) -> None:
    several = with_views(network, 10)
    assert several.count_params() == network.count_params()
    told = architecture(several)
    assert {layer["name"] for layer in architecture(network)} <= {layer["name"] for layer in told}
    assert sum(layer["parameters"] for layer in told) == network.count_params()
    cooler = calibrated(several, 2.0)
    cooler.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    assert predict(again, IMAGES) == pytest.approx(predict(cooler, IMAGES), abs=1e-6)


def test_without_the_mirror_half_of_them_are_left() -> None:
    every: tuple[Views, ...] = (1, 2, 5, 10)
    assert [without_mirror(views) for views in every] == [1, 1, 5, 5]


@pytest.mark.parametrize(("mirror", "count"), [(True, 2), (False, 1)])
def test_a_training_ends_with_the_views_that_the_dataset_allows(digits: Dataset, mirror: bool, count: int) -> None:
    preset = replace(PRESETS["cnn-sgd"](), views=2)
    dataset = replace(digits, mirror=mirror)
    trained = train(dataset, Settings(preset, epochs=1), out=io.StringIO())
    maps = keras.Model(trained.model.input, trained.model.get_layer("features").output)(digits.test.images[:2])
    assert maps.shape[0] == 2 * count
