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
        squeeze: Each block weighs its maps by what the whole picture holds of each (squeeze and excitation, Hu et al.,
            2018), through a layer of so many times fewer units; 0 does not.
    """

    stem: int
    widths: Sequence[int]
    blocks: Sequence[int]
    first_map: int
    squeeze: int = 0

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
                x = _residual(x, width, strides=2 if halve else 1, squeeze=self.squeeze)
        return classifier(inputs, features(x), pixels)


def _residual(x: KerasTensor, width: int, *, strides: int, squeeze: int) -> KerasTensor:
    from keras import layers

    same = x.shape[-1] == width and strides == 1
    shortcut = x if same else convolution(x, width, size=1, strides=strides, relu=False)
    y = convolution(convolution(x, width, strides=strides), width, relu=False)
    if squeeze:
        y = _weighed(y, squeeze)
    return layers.ReLU()(layers.Add()([shortcut, y]))


def _weighed(x: KerasTensor, squeeze: int) -> KerasTensor:
    from keras import layers

    width = x.shape[-1]
    means = layers.GlobalAveragePooling2D(keepdims=True)(x)
    hidden = layers.Dense(max(1, width // squeeze), activation="relu")(means)
    return layers.Multiply()([x, layers.Dense(width, activation="sigmoid")(hidden)])
