"""Fits a preset's network to a dataset. Same settings, same seed: same pictures in the same order."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

import keras
import numpy as np
from numpy.typing import NDArray

from training.augment import augment
from training.datasets.dataset import Dataset, Part
from training.errors import TrainingDiverged
from training.evaluate import log_loss
from training.networks import KerasModel, Pixels
from training.presets import Preset
from training.progress import Epoch, Progress

_WARM_UP_SHARE = 0.05
_PREDICT_BATCH = 256
# Is told pictures seen, mean loss, mean accuracy.
_Report = Callable[[int, float, float], None]


@dataclass(frozen=True)
class Settings:
    """A training job.

    Attributes:
        preset: Network, optimizer, augmentation.
        seed: Decides the split, the first weights, the order and the augmentation.
        epochs: How often every picture is seen; as the preset says if None.
    """

    preset: Preset
    seed: int = 0
    epochs: int | None = None

    def epochs_for(self, images: int) -> int:
        """The number of epochs for so many training pictures."""
        steps = math.ceil(images / self.preset.batch_size)
        return self.epochs or max(self.preset.epochs, math.ceil(self.preset.min_steps / steps))


@dataclass(frozen=True)
class Trained:
    """A trained network and how it came about."""

    model: KerasModel
    history: tuple[Epoch, ...]
    seconds: float


def train(dataset: Dataset, settings: Settings, *, out: TextIO, log: TextIO | None = None) -> Trained:
    """Trains, showing its progress.

    Raises:
        TrainingDiverged: The loss became infinite or not a number.
    """
    keras.utils.set_random_seed(settings.seed)
    start = time.monotonic()
    preset, count = settings.preset, len(dataset.train)
    epochs = settings.epochs_for(count)
    model = _compiled(dataset, preset, steps=epochs * math.ceil(count / preset.batch_size))
    progress = Progress(epochs=epochs, images_per_epoch=count, out=out, log=log or io.StringIO())
    rng = np.random.default_rng(settings.seed)
    history: list[Epoch] = []
    for epoch in range(1, epochs + 1):
        began = time.monotonic()
        report = partial(progress.step, epoch)
        loss, accuracy = _fit_epoch(model, dataset, preset, rng, report)
        watched = _validate(model, dataset.validation)
        history.append(Epoch(epoch, loss, accuracy, *watched, seconds=round(time.monotonic() - began, 3)))
        progress.epoch(history[-1])
    return Trained(model, tuple(history), time.monotonic() - start)


def predict(model: KerasModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities float32 [N, K] for pictures uint8 [N, H, W, C]."""
    probabilities: NDArray[np.float32] = model.predict(images, batch_size=_PREDICT_BATCH, verbose=0)
    return probabilities


def _fit_epoch(
    model: KerasModel, dataset: Dataset, preset: Preset, rng: np.random.Generator, report: _Report
) -> tuple[float, float]:
    """One pass over the training pictures, each step reported; gives the mean loss and accuracy."""
    mirror = preset.mirror and dataset.mirror
    done, losses, right = 0, 0.0, 0.0
    for batch in _batches(dataset.train, preset.batch_size, rng):
        images = augment(batch.images, rng, shift=preset.shift, mirror=mirror)
        figures = model.train_on_batch(images, batch.classes, return_dict=True)
        if not math.isfinite(figures["loss"]):
            raise TrainingDiverged(
                f"The loss became {figures['loss']} after {done:,} pictures of an epoch: nothing was kept. "
                f"Try a learning rate below {preset.learning_rate:g} or a larger batch"
            )
        done += len(batch)
        losses += figures["loss"] * len(batch)
        right += figures["accuracy"] * len(batch)
        report(done, losses / done, right / done)
    return losses / done, right / done


def _validate(model: KerasModel, part: Part) -> tuple[float, float]:
    probabilities = predict(model, part.images)
    return log_loss(probabilities, part.classes), float((probabilities.argmax(axis=1) == part.classes).mean())


def _batches(part: Part, size: int, rng: np.random.Generator) -> Iterator[Part]:
    order = rng.permutation(len(part))
    for start in range(0, len(part), size):
        yield part.take(order[start : start + size])


def _compiled(dataset: Dataset, preset: Preset, steps: int) -> KerasModel:
    images = dataset.train.images
    pixels = Pixels(
        shape=dataset.spec.shape,
        mean=images.mean(axis=(0, 1, 2), dtype=np.float64).tolist(),
        # A channel that never changes would be divided by zero.
        variance=np.maximum(images.var(axis=(0, 1, 2), dtype=np.float64), 1.0).tolist(),
        classes=len(dataset.labels),
    )
    model = preset.network(pixels)
    # XLA makes this slower on a CPU: it replaces oneDNN's convolutions.
    model.compile(_optimizer(preset, steps), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def _optimizer(preset: Preset, steps: int) -> Any:
    if preset.optimizer == "sgd":
        return keras.optimizers.SGD(preset.learning_rate, momentum=0.9)
    warm_up = max(1, round(steps * _WARM_UP_SHARE))
    schedule = keras.optimizers.schedules.CosineDecay(
        preset.learning_rate / 10,
        decay_steps=max(1, steps - warm_up),
        warmup_target=preset.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=preset.weight_decay)
    # Decay is for what multiplies; scales and offsets are few and must be free to grow.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
