"""Fine-tuning of a network that learnt on ImageNet: for folders of photos."""

from __future__ import annotations

from training.augmentation import Augmentation
from training.networks.backbones import BACKBONES
from training.presets.preset import Optimizer, Preset

DEFAULT_BACKBONE = "MobileNetV2-0.35"


def transfer(backbone: str = DEFAULT_BACKBONE) -> Preset:
    """A network that knows ImageNet (``--backbone``): its new head first, then all of it with a lower rate.

    ``python -m training train --dataset trashnet.tar --preset transfer``: 88.7 % of TrashNet's
    test pictures (6 classes, 1,767 photos to train on), in 14 minutes on 2 busy cores.

    Args:
        backbone: One of `BACKBONES`.
    """
    network = BACKBONES[backbone]
    return Preset(
        name="transfer",
        network=network,
        optimizer=Optimizer("adamw", 3e-4, schedule="cosine", warm_up=0.1, weight_decay=0.05),
        epochs=20,
        batch_size=32,
        augmentation=Augmentation(mirror=True, shift=0.1, rotation=15, zoom=0.15, contrast=0.2),
        label_smoothing=0.1,
        average=0.02,
        head_epochs=3,
        head_learning_rate=3e-3,
        image_size=network.size,
    )
