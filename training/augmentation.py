"""Changes to training pictures that leave their class as it is. Part of the training graph alone: never exported."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are changed, each by itself and at random. Zero or False: not at all.

    Attributes:
        mirror: Left and right are exchanged in every second picture, where the dataset allows it.
        shift: The furthest that a picture moves up, down, left or right, as a share of its size.
        rotation: The furthest that it turns, in degrees.
        zoom: How much smaller or larger it gets at most, as a share of its size.
        contrast: How much the contrast falls or rises at most: 0.2 is from 80 % to 120 %.
        erase: The share of pictures of which a rectangle is replaced by noise (random erasing, Zhong et al., 2017).
        mixup: Alpha of the Beta distribution by which two pictures and their labels are mixed (Zhang et al., 2017).
        cutmix: Alpha of that by which a rectangle is taken from another picture, with its share of the label (Yun et
            al., 2019).
    """

    mirror: bool = False
    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def without_mirror(self) -> Augmentation:
        """For datasets in which a picture's mirror image may be of another class, such as digits."""
        return replace(self, mirror=False)

    def weaker(self, share: float) -> Augmentation:
        """Everything but the mirroring by that share of its strength."""
        strengths = {field.name: getattr(self, field.name) * share for field in fields(self) if field.name != "mirror"}
        return replace(self, **strengths)

    def image_layers(self) -> list[Any]:
        """Keras layers for pictures float32 [N, H, W, C] in 0..255, in the order in which they are applied."""
        from keras import layers

        values = (0, 255)
        chosen = {
            layers.RandomFlip("horizontal"): self.mirror,
            # By whole pixels: in between, training pictures would be softer than those that are served.
            layers.RandomTranslation(self.shift, self.shift, "reflect", "nearest"): self.shift,
            layers.RandomRotation(self.rotation / 360, "reflect"): self.rotation,
            layers.RandomZoom((-self.zoom, self.zoom), (-self.zoom, self.zoom), "reflect"): self.zoom,
            layers.RandomContrast(self.contrast, value_range=values): self.contrast,
            layers.RandomErasing(self.erase, value_range=values): self.erase,
        }
        return [layer for layer, wanted in chosen.items() if wanted]

    def mixing_layers(self) -> list[Any]:
        """Keras layers for ``{"images": [N, H, W, C], "labels": float32 [N, K]}``."""
        from keras import layers

        chosen = {layers.MixUp(self.mixup): self.mixup, layers.CutMix(self.cutmix): self.cutmix}
        return [layer for layer, wanted in chosen.items() if wanted]
