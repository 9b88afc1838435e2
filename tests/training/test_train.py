"""Training itself: the same seed gives the same model, presets build, a loss that breaks stops everything."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training import datasets
from training.augmentation import Augmentation
from training.datasets.dataset import Dataset
from training.errors import TrainingDiverged
from training.networks import Pixels
from training.predict import predict
from training.presets import DEFAULT, PRESETS, Optimizer
from training.train import Settings, Trained, train


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits")


def train_digits(dataset: Dataset, seed: int) -> Trained:
    preset = replace(PRESETS["cnn-sgd"](), augmentation=Augmentation(shift=0.15, mixup=0.2))
    return train(dataset, Settings(preset, seed=seed, epochs=1), out=io.StringIO())


def test_the_same_seed_gives_the_same_model_and_another_seed_another(digits: Dataset) -> None:
    first, second, other = train_digits(digits, 1), train_digits(digits, 1), train_digits(digits, 2)
    figures = [(t.history[0].loss, t.history[0].validation_accuracy) for t in (first, second, other)]
    # Threads add up in any order, hence not to the last bit.
    assert figures[0] == pytest.approx(figures[1], abs=1e-4)
    assert abs(figures[0][0] - figures[2][0]) > 1e-4


def test_a_loss_that_is_no_number_stops_the_training(digits: Dataset) -> None:
    preset = replace(PRESETS["cnn-sgd"](), optimizer=Optimizer("sgd", 1e18))
    with pytest.raises(
        TrainingDiverged, match=r"The loss became (nan|inf) in step \d+ of epoch 1\. Try a learning rate below 1e\+18"
    ):
        train(digits, Settings(preset, epochs=2), out=io.StringIO())


def test_the_classic_preset_learns_digits_too(digits: Dataset) -> None:
    trained = train(digits, Settings(PRESETS["cnn-sgd"](), epochs=4), out=io.StringIO())
    answers = predict(trained.model, digits.test.images).argmax(axis=1)
    assert (answers == digits.test.classes).mean() > 0.9


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (33, 47, 3), (96, 96, 3), (160, 140, 3)])
def test_every_preset_takes_bytes_of_every_size(name: str, shape: tuple[int, int, int], shared: Path) -> None:
    pixels = Pixels(shape, mean=[100.0] * shape[2], variance=[400.0] * shape[2], classes=4)
    model = PRESETS[name]().network(pixels)
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    probabilities = predict(model, images)
    assert probabilities.shape == (2, 4)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "most"),
    [("resnet-small-long", (28, 28, 1), 800_000), ("resnet-compact", (32, 32, 3), 300_000)],
)
def test_presets_that_are_compared_by_size_are_of_that_size(name: str, shape: tuple[int, int, int], most: int) -> None:
    pixels = Pixels(shape, mean=[100.0] * shape[2], variance=[400.0] * shape[2], classes=10)
    assert PRESETS[name]().network(pixels).count_params() <= most


def test_every_preset_says_its_command_and_what_to_expect() -> None:
    for name, make in PRESETS.items():
        assert make().name == name
        assert "python -m training train" in (make.__doc__ or "")
        assert "%" in (make.__doc__ or "")


def test_a_small_dataset_is_seen_more_often() -> None:
    settings = Settings(replace(PRESETS[DEFAULT](), epochs=10, min_steps=500, batch_size=64))
    assert settings.epochs_for(640) == 50
    assert settings.epochs_for(64_000) == 10
    assert replace(settings, epochs=2).epochs_for(640) == 2
