"""The stages of a training: all of a network at once, or its new head first."""

from __future__ import annotations

from dataclasses import dataclass

from training.networks import KerasModel
from training.presets.preset import Preset, Schedule


@dataclass(frozen=True)
class Stage:
    """Epochs under one learning rate schedule.

    Attributes:
        first: Its first epoch, from 1.
        last: Its last.
        learning_rate: The highest.
        schedule: How it goes.
        warm_up: The share of the stage's steps in which a cosine's rate rises.
        head: Whether the classifier alone is trained.
    """

    first: int
    last: int
    learning_rate: float
    schedule: Schedule
    warm_up: float
    head: bool = False

    @property
    def epochs(self) -> int:
        """How many."""
        return self.last - self.first + 1


def stages(preset: Preset, epochs: int) -> list[Stage]:
    """A preset's stages; `epochs` counts all of them."""
    optimizer = preset.optimizer
    head = min(preset.head_epochs, epochs - 1)
    main = Stage(head + 1, epochs, optimizer.learning_rate, optimizer.schedule, optimizer.warm_up)
    if not head:
        return [main]
    return [Stage(1, head, preset.head_learning_rate, "cosine", optimizer.warm_up, head=True), main]


def choose_trainable(network: KerasModel, stage: Stage, *, pretrained: bool) -> None:
    """Sets which layers learn in a stage.

    In a network that brings weights, batch normalisation keeps its statistics throughout: those of small batches would
    undo what it learnt (https://keras.io/guides/transfer_learning/).
    """
    import keras

    if not pretrained:
        return
    for layer in network.layers:
        layer.trainable = (
            layer.name == "logits" if stage.head else not isinstance(layer, keras.layers.BatchNormalization)
        )
