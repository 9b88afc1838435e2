"""Augmentation: part of what trains, never of what is served."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import keras
import numpy as np
import pytest

from training.augmentation import Augmentation
from training.fitting.trainee import Trainee
from training.networks import Pixels
from training.networks.plain import cnn_sgd

NONE = Augmentation()
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3), np.uint8)
LABELS = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]


def trainee(augmentation: Augmentation) -> tuple[keras.Model, Trainee]:
    network = cnn_sgd(Pixels((12, 12, 3), [100.0] * 3, [400.0] * 3, classes=4))
    return network, Trainee(network, augmentation, label_smoothing=0.0)


@pytest.mark.parametrize("name", [field.name for field in fields(Augmentation)])
def test_every_setting_changes_training_pictures_and_nothing_else(name: str) -> None:
    values: dict[str, Any] = {"mirror": True, "rotation": 90.0, "erase": 1.0}
    network, changed = trainee(replace(NONE, **{name: values.get(name, 0.5)}))
    inputs = {"images": IMAGES, "labels": LABELS}
    usual = np.asarray(changed(inputs, training=False)["logits"])
    assert np.asarray(changed.body(IMAGES.astype(np.float32))) == pytest.approx(usual, abs=1e-5)
    keras.utils.set_random_seed(1)
    training = changed(inputs, training=True)
    assert np.abs(np.asarray(training["logits"]) - usual).max() > 1e-3
    mixes = name in {"mixup", "cutmix"}
    assert (np.abs(np.asarray(training["labels"]) - LABELS).max() > 1e-3) == mixes
    assert np.asarray(training["labels"]).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert {type(layer).__name__ for layer in network.layers}.isdisjoint({"RandomFlip", "MixUp", "RandomErasing"})


def test_without_any_setting_there_is_no_layer_for_it() -> None:
    assert (NONE.image_layers(), NONE.mixing_layers()) == ([], [])


def test_pictures_that_are_seen_a_few_times_are_changed_less_but_mirrored_all_the_same() -> None:
    assert Augmentation(mirror=True, shift=0.1, rotation=20).weaker(0.25) == Augmentation(
        mirror=True, shift=0.025, rotation=5
    )


def test_a_dataset_whose_mirror_images_differ_is_not_mirrored() -> None:
    assert Augmentation(mirror=True, shift=0.1).without_mirror() == Augmentation(shift=0.1)
