"""What a training may be told beside its preset: precision, patience, a search for the rate, curves for TensorBoard."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.training.conftest import ENVIRONMENT, ROOT
from training import datasets
from training.datasets.dataset import Dataset
from training.predict import predict
from training.presets import PRESETS, Optimizer, Preset, transfer
from training.train import Settings, Trained, search_rate, train


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits")


def small(preset: Preset, dataset: Dataset, epochs: int, **settings: str) -> Trained:
    few = replace(dataset, train=dataset.train.take(np.arange(96)), validation=dataset.validation.take(np.arange(40)))
    return train(few, Settings(preset, epochs=epochs, **settings), out=io.StringIO())  # type: ignore[arg-type]


def test_a_model_trained_in_half_precision_is_kept_in_full(digits: Dataset) -> None:
    trained = small(replace(PRESETS["resnet-small"](), batch_size=32), digits, 2, precision="mixed_bfloat16")
    assert {layer.compute_dtype for layer in trained.model.layers} <= {"float32", "uint8"}
    assert predict(trained.model, digits.test.images).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_early_stopping_ends_a_stage_and_keeps_the_best_weights(digits: Dataset) -> None:
    # A rate that is far too high at first brings one good epoch, then none that is better.
    preset = replace(PRESETS["cnn-sgd"](), optimizer=Optimizer("sgd", 1.0), patience=2, batch_size=16)
    trained = small(preset, digits, 30)
    losses = [epoch.validation_loss for epoch in trained.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 30
    few = digits.validation.take(np.arange(40))
    right = predict(trained.model, few.images).argmax(axis=1) == few.classes
    assert right.mean() == pytest.approx(trained.history[best].validation_accuracy)


def test_the_search_proposes_a_rate_that_trains(digits: Dataset) -> None:
    preset = PRESETS["cnn-sgd"]()
    found = search_rate(digits, Settings(preset))
    assert list(found.rates) == sorted(found.rates)
    assert 1e-4 < found.proposed < 1
    trained = small(replace(preset, optimizer=Optimizer("sgd", found.proposed)), digits, 4)
    assert trained.history[-1].loss < trained.history[0].loss


def test_every_epoch_is_a_point_of_tensorboards_curves(digits: Dataset, tmp_path: Path) -> None:
    settings = Settings(PRESETS["cnn-sgd"](), epochs=2)
    trained = train(digits, settings, out=io.StringIO(), tensorboard=tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    points = events.Tensors("validation/accuracy")
    assert [point.step for point in points] == [1, 2]
    assert points[1].tensor_proto.float_val[0] == pytest.approx(trained.history[1].validation_accuracy)


def test_a_network_with_weights_trains_its_head_before_the_rest(digits: Dataset, shared: Path) -> None:
    preset = replace(transfer("MobileNetV2-0.35"), batch_size=32, head_epochs=1)
    trained = small(preset, digits, 2)
    assert [epoch.learning_rate > 0 for epoch in trained.history] == [True, True]
    trainable = {type(layer).__name__ for layer in trained.model.layers if layer.trainable and layer.weights}
    assert "Conv2D" in trainable
    assert "BatchNormalization" not in trainable


def test_weights_that_cannot_be_had_are_named_with_their_place(tmp_path: Path) -> None:
    code = "from training.presets import transfer; from training.networks import Pixels; "
    code += "transfer('VGG16').network(Pixels((96, 96, 3), [0.0] * 3, [1.0] * 3, classes=2))"
    nowhere = {**ENVIRONMENT, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=nowhere, capture_output=True, text=True, check=False
    )
    assert "WeightsMissing: The ImageNet weights of VGG16 could not be read or downloaded" in done.stderr
    assert "put vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 into models/ of the folder" in done.stderr
