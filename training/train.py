"""Fits a preset's network to a dataset. Same settings, same seed: same pictures in the same order."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import keras
import numpy as np
from numpy.typing import NDArray

from training.augmentation import Augmentation
from training.datasets import channel_statistics
from training.datasets.dataset import Dataset
from training.fitting import optimizers
from training.fitting.batches import Batches
from training.fitting.class_weights import class_weights
from training.fitting.loop import Loop, State
from training.fitting.rate_search import RateSearch, find_rate
from training.fitting.stages import Stage, choose_trainable, stages
from training.fitting.tensorboard import Scalars
from training.fitting.trainee import Trainee
from training.networks import KerasModel, Pixels
from training.networks.views import with_views, without_mirror
from training.presets.preset import Precision, Preset
from training.progress import Epoch, Progress

_SHOWN_CLASSES = 5


@dataclass(frozen=True)
class Settings:
    """A training job.

    Attributes:
        preset: Network, optimizer, augmentation.
        seed: Decides the split, the first weights, the order and the augmentation.
        epochs: How often every picture is seen; as the preset says if None.
        precision: What is computed in; the model that is kept computes in float32 always.
        weigh_classes: Whether pictures of rare classes count more.
    """

    preset: Preset
    seed: int = 0
    epochs: int | None = None
    precision: Precision = "float32"
    weigh_classes: bool = True

    def epochs_for(self, images: int) -> int:
        """The number of epochs for so many training pictures."""
        steps = math.ceil(images / self.preset.batch_size)
        return self.epochs or max(self.preset.epochs, math.ceil(self.preset.min_steps / steps))


@dataclass(frozen=True)
class Trained:
    """A trained network and how it came about.

    Attributes:
        model: Takes uint8 [N, H, W, C], gives probabilities [N, K].
        history: Every epoch's figures.
        seconds: How long it took.
        waiting: The share of that time spent waiting for data.
        class_weights: float32 [K], what a picture of each class counted.
    """

    model: KerasModel
    history: tuple[Epoch, ...]
    seconds: float
    waiting: float
    class_weights: NDArray[np.float32]


def train(
    dataset: Dataset,
    settings: Settings,
    *,
    out: TextIO,
    log: TextIO | None = None,
    checkpoint: Path | None = None,
    tensorboard: Path | None = None,
) -> Trained:
    """Trains, showing its progress.

    Args:
        dataset: What on.
        settings: How.
        out: Where a person looks.
        log: Gets every epoch's line.
        checkpoint: Where the state is kept; if the file is there, the training goes on from it.
        tensorboard: Folder for TensorBoard's curves.

    Raises:
        TrainingDiverged: The loss became infinite or not a number.
        CheckpointError: The checkpoint is damaged or not of this training.
    """
    keras.utils.set_random_seed(settings.seed)
    preset, batches = settings.preset, make_batches(dataset, settings)
    epochs, per_epoch = settings.epochs_for(len(dataset.train)), batches.steps * batches.size
    if len(set(batches.class_weights)) > 1:
        counted = ", ".join(f"{label} {weight:.2f}" for label, weight in _rarest(dataset, batches.class_weights))
        out.write(f"The classes are unbalanced: rare ones count more, the rarest {counted}\n")
    network = build_network(dataset, settings)
    state = State.read(checkpoint) if checkpoint and checkpoint.is_file() else State()
    done = len(state.history) * per_epoch + state.step * batches.size
    progress = Progress(epochs=epochs, images_per_epoch=per_epoch, out=out, log=log or io.StringIO(), done=done)
    scalars = Scalars(tensorboard) if tensorboard else None

    def on_epoch(epoch: Epoch) -> None:
        progress.epoch(epoch)
        if scalars:
            scalars.write(epoch)

    loop = Loop(
        network,
        batches,
        dataset.validation,
        state=state,
        progress=progress,
        on_epoch=on_epoch,
        path=checkpoint,
        patience=preset.patience,
    )
    for stage in stages(preset, epochs):
        loop.run(stage, prepare(network, dataset, preset, stage, batches.steps))
    if scalars:
        scalars.close()
    views = preset.views if dataset.mirror else without_mirror(preset.views)
    model = with_views(_in_float32(network, dataset, settings), views)
    return Trained(model, tuple(state.history), loop.seconds, loop.waiting, batches.class_weights)


def search_rate(dataset: Dataset, settings: Settings) -> RateSearch:
    """The learning rate that the preset's network can take on these pictures, by a range test on a copy of it."""
    keras.utils.set_random_seed(settings.seed)
    batches = make_batches(dataset, settings)
    stage = stages(settings.preset, 2)[-1]
    return find_rate(prepare(build_network(dataset, settings), dataset, settings.preset, stage, batches.steps), batches)


def make_batches(dataset: Dataset, settings: Settings) -> Batches:
    """The training pictures in batches, with class weights if wanted."""
    count = len(dataset.labels)
    weights = class_weights(dataset.train.classes, count) if settings.weigh_classes else np.ones(count, np.float32)
    return Batches(dataset.train, weights, size=settings.preset.batch_size, seed=settings.seed)


def _rarest(dataset: Dataset, weights: NDArray[np.float32]) -> list[tuple[str, float]]:
    ranked = sorted(zip(dataset.labels, weights.tolist(), strict=True), key=lambda pair: -pair[1])
    return ranked[:_SHOWN_CLASSES]


def prepare(network: KerasModel, dataset: Dataset, preset: Preset, stage: Stage, steps: int) -> Trainee:
    """The graph that trains the network through a stage of so many steps an epoch."""
    choose_trainable(network, stage, pretrained=preset.head_epochs > 0)
    trainee = Trainee(network, _augmentation(dataset, preset, stage.last), preset.label_smoothing)
    optimizer = optimizers.build(
        preset.optimizer, stage.learning_rate, average_steps=preset.average * stage.epochs * steps
    )
    # XLA makes TensorFlow slower on a CPU: it replaces oneDNN's convolutions.
    slow = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
    trainee.compile(optimizer, jit_compile=False if slow else "auto")
    return trainee


def _augmentation(dataset: Dataset, preset: Preset, epochs: int) -> Augmentation:
    augmentation = preset.augmentation if dataset.mirror else preset.augmentation.without_mirror()
    return augmentation.weaker(epochs / preset.full_after) if epochs < preset.full_after else augmentation


def build_network(dataset: Dataset, settings: Settings) -> KerasModel:
    """The preset's network for these pictures, untrained."""
    mean, variance = channel_statistics(dataset.train.images)
    pixels = Pixels(
        shape=dataset.spec.shape,
        mean=mean.tolist(),
        # A channel that never changes would be divided by zero.
        variance=np.maximum(variance, 1.0).tolist(),
        classes=len(dataset.labels),
    )
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        return settings.preset.network(pixels)
    finally:
        keras.config.set_dtype_policy(usual)


def _in_float32(network: KerasModel, dataset: Dataset, settings: Settings) -> KerasModel:
    if settings.precision == "float32":
        return network
    same = build_network(dataset, Settings(settings.preset))
    same.set_weights(network.get_weights())
    return same
