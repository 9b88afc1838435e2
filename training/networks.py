"""The networks. Each takes uint8 pictures: what happens to the pixels is part of the network, so that it is served too.

The layer ``features`` holds the last feature maps and ``logits`` the scores: `training.export` explains with them.
Keras is imported inside the functions, since it takes two seconds and the command line's help needs none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

KerasTensor = Any
KerasModel = Any
# Statistics that settle within a small dataset's few steps; Keras's own 0.99 takes hundreds.
_MOMENTUM = 0.9
# Feature maps of at most this size are where a class is decided, and what a heat map shows.
_LAST_MAP = 8
_FIRST_MAP = 64


@dataclass(frozen=True)
class Pixels:
    """What a network must know of the pictures it takes.

    Attributes:
        shape: Height, width, channels.
        mean: Of each channel over the training pictures, 0 to 255.
        variance: Likewise.
        classes: How many.
    """

    shape: tuple[int, int, int]
    mean: Sequence[float]
    variance: Sequence[float]
    classes: int


def compact_resnet(pixels: Pixels) -> KerasModel:
    """Stages of growing width, the last ones residual, down to maps of at most 8 x 8; then the mean of each map."""
    from keras import layers

    inputs, x = _normalised(pixels)
    x = _convolution(x, 32, strides=2 if min(pixels.shape[:2]) > _FIRST_MAP else 1)
    for number, width in enumerate((48, 96, 128, 128, 128)):
        if number >= 2 and min(x.shape[1:3]) <= _LAST_MAP:
            break
        if min(x.shape[1:3]) > _LAST_MAP:
            x = layers.MaxPooling2D()(x)
        x = _convolution(x, width) if number == 0 else _residual(x, width)
    x = layers.Activation("linear", name="features")(x)
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x), pixels)


def plain_cnn(pixels: Pixels) -> KerasModel:
    """One convolution of 32 filters, one pooling, one hidden layer of 100."""
    from keras import layers

    inputs, x = _normalised(pixels)
    x = layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_uniform", name="features")(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    x = layers.Dense(100, activation="relu", kernel_initializer="he_uniform")(x)
    return _classifier(inputs, x, pixels)


def _normalised(pixels: Pixels) -> tuple[KerasTensor, KerasTensor]:
    import keras

    inputs = keras.Input(pixels.shape, dtype="uint8", name="images")
    return inputs, keras.layers.Normalization(mean=pixels.mean, variance=pixels.variance)(inputs)


def _classifier(inputs: KerasTensor, x: KerasTensor, pixels: Pixels) -> KerasModel:
    import keras

    logits = keras.layers.Dense(pixels.classes, name="logits")(x)
    # 1 until the evaluation calibrates it, so that every export of the model gives calibrated probabilities.
    tempered = keras.layers.Rescaling(1.0, dtype="float32", name="temperature")(logits)
    return keras.Model(inputs, keras.layers.Softmax(dtype="float32", name="probabilities")(tempered))


def _convolution(x: KerasTensor, width: int, *, strides: int = 1, size: int = 3, relu: bool = True) -> KerasTensor:
    from keras import layers

    x = layers.Conv2D(width, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM)(x)
    return layers.ReLU()(x) if relu else x


def _residual(x: KerasTensor, width: int) -> KerasTensor:
    from keras import layers

    shortcut = x if x.shape[-1] == width else _convolution(x, width, size=1, relu=False)
    y = _convolution(_convolution(x, width), width, relu=False)
    return layers.ReLU()(layers.Add()([shortcut, y]))
