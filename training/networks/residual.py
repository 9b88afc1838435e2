"""Residual networks (He et al., 2016) for small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.networks.parts import KerasModel, KerasTensor, Pixels, classifier, convolution, features, normalised

# Feature maps of at most this size are where a class is decided, and what a heat map shows.
_LAST_MAP = 8


@dataclass(frozen=True)
class Residual:
    """A stem and stages of residual blocks, each stage but the first at half the size of the one before.

    Attributes:
        stem: Filters of the first convolution.
        widths: Filters of each stage.
        blocks: Residual blocks of each stage.
        first_map: Larger pictures are halved by the stem, and again by poolings, until their maps are at most so large.
    """

    stem: int
    widths: Sequence[int]
    blocks: Sequence[int]
    first_map: int

    def __call__(self, pixels: Pixels) -> KerasModel:
        """Builds it, untrained, for pictures of that shape."""
        from keras import layers

        inputs, x = normalised(pixels)
        x = convolution(x, self.stem, strides=2 if min(x.shape[1:3]) > self.first_map else 1)
        while min(x.shape[1:3]) > self.first_map:
            x = layers.MaxPooling2D()(x)
        for stage, (width, blocks) in enumerate(zip(self.widths, self.blocks, strict=True)):
            for block in range(blocks):
                halve = stage > 0 and block == 0 and min(x.shape[1:3]) > _LAST_MAP // 2
                x = _residual(x, width, strides=2 if halve else 1)
        return classifier(inputs, features(x), pixels)


def _residual(x: KerasTensor, width: int, *, strides: int) -> KerasTensor:
    from keras import layers

    same = x.shape[-1] == width and strides == 1
    shortcut = x if same else convolution(x, width, size=1, strides=strides, relu=False)
    y = convolution(convolution(x, width, strides=strides), width, relu=False)
    return layers.ReLU()(layers.Add()([shortcut, y]))
