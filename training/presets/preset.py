"""What a preset is: a network, and how it is trained, every setting visible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from training.augmentation import Augmentation
from training.networks import KerasModel, Pixels
from training.networks.views import Views

Schedule = Literal["cosine", "plateau", "constant"]
_NONE = Augmentation()
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class Optimizer:
    """How the weights follow the gradient.

    Attributes:
        name: Of Keras's optimizer.
        learning_rate: The highest.
        schedule: ``cosine``: up in a warm-up, then down to zero along a cosine; ``plateau``: a fifth whenever the
            validation loss has not fallen for some epochs; ``constant``.
        warm_up: The share of all steps in which a cosine's rate rises.
        weight_decay: Decoupled (Loshchilov & Hutter, 2019); biases and normalisations are free of it.
        momentum: Of SGD.
        nesterov: Whether SGD's momentum looks ahead.
    """

    name: Literal["adam", "adamw", "sgd"]
    learning_rate: float
    schedule: Schedule = "constant"
    warm_up: float = 0.05
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False


@dataclass(frozen=True)
class Preset:
    """How a network is trained.

    Attributes:
        name: As the command line takes it.
        network: Builds it, untrained.
        optimizer: Which, with its learning rate and schedule.
        epochs: At least so often is every training picture seen.
        batch_size: Pictures a step.
        min_steps: At least so many batches, for datasets so small that the epochs are over in no time.
        augmentation: How training pictures are changed.
        full_after: With fewer epochs than this, pictures are changed less, in proportion (but mirrored all the same):
            what is seen only a few times needs little change. 0 changes them in full always.
        label_smoothing: The share of the target that is spread over all classes (Szegedy et al., 2016).
        average: The kept weights are a moving average over this share of all steps; 0 keeps the last ones.
        patience: Stops after so many epochs without a lower validation loss, keeping the best weights; None never.
        head_epochs: So many epochs at first train the classifier alone, for networks that bring weights.
        head_learning_rate: In those.
        views: The finished network answers with the mean over so many views of a picture; see `with_views`.
        image_size: Height and width that pictures in files get unless said otherwise; None leaves it to the dataset.
    """

    name: str
    network: Callable[[Pixels], KerasModel]
    optimizer: Optimizer
    epochs: int
    batch_size: int
    min_steps: int = 0
    augmentation: Augmentation = _NONE
    full_after: int = 0
    label_smoothing: float = 0.0
    average: float = 0.0
    patience: int | None = None
    head_epochs: int = 0
    head_learning_rate: float = 0.0
    views: Views = 1
    image_size: int | None = None
