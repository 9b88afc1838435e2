"""A network too small to need training, and datasets of noise that it is measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.card import ImageSpec
from training.datasets.dataset import Dataset, Part
from training.networks import KerasModel

MakeModel = Callable[..., KerasModel]


def noise(count: int, shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def make_dataset(
    model: KerasModel, *, validation: int = 80, test: int = 60, mistaken: float = 0.3, **changes: Any
) -> Dataset:
    """Noise, each picture's class what the model answers, but for a share of mistakes."""
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    parts = []
    for seed, count in enumerate((10, validation, test)):
        images = noise(count, shape, seed)
        answers = model.predict_on_batch(images).argmax(axis=1) if count else np.empty(0, np.int64)
        wrong = np.random.default_rng(seed).random(count) < mistaken
        parts.append(Part(images, np.where(wrong, (answers + 1) % classes, answers).astype(np.int64)))
    labels = tuple(f"class {number}" for number in range(classes))
    values = {"name": "noise", "labels": labels, "spec": ImageSpec(*shape), **changes}
    return Dataset(train=parts[0], validation=parts[1], test=parts[2], **values)


@pytest.fixture
def make_model() -> MakeModel:
    """Makes a network of one convolution, its weights random but always the same."""
    import keras
    from keras import layers

    def make(classes: int = 4, shape: tuple[int, int, int] = (8, 8, 1)) -> KerasModel:
        keras.utils.set_random_seed(0)
        inputs = keras.Input(shape, dtype="uint8")
        x = layers.Rescaling(1 / 64, offset=-2.0)(inputs)
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(x)
        logits = layers.Dense(classes, name="logits")(layers.Flatten()(x))
        tempered = layers.Rescaling(1.0, name="temperature")(logits)
        return keras.Model(inputs, layers.Softmax(name="probabilities")(tempered))

    return make
