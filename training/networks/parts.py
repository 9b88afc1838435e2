"""What all networks share: the pixels' normalisation in front, the scores and the probabilities behind.

Layers with fixed names are where the rest of the training room takes hold: ``pixels`` (which training augments),
``features`` (the last feature maps, which explain an answer), ``logits`` (the scores), ``temperature``.
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


def pixel_input(shape: tuple[int, int, int]) -> tuple[KerasTensor, KerasTensor]:
    """The input uint8 [N, H, W, C], and the same as float32, 0 to 255: the output of the layer ``pixels``."""
    import keras

    inputs = keras.Input(shape, dtype="uint8", name="images")
    return inputs, keras.layers.Rescaling(1.0, dtype="float32", name="pixels")(inputs)


def normalised(pixels: Pixels) -> tuple[KerasTensor, KerasTensor]:
    """The input uint8 [N, H, W, C], and it with mean 0 and variance 1 a channel."""
    import keras

    inputs, x = pixel_input(pixels.shape)
    return inputs, keras.layers.Normalization(mean=pixels.mean, variance=pixels.variance)(x)


def scaled(pixels: Pixels) -> tuple[KerasTensor, KerasTensor]:
    """The input uint8 [N, H, W, C], and it from 0 to 1."""
    import keras

    inputs, x = pixel_input(pixels.shape)
    return inputs, keras.layers.Rescaling(1 / 255)(x)


def classifier(inputs: KerasTensor, x: KerasTensor, pixels: Pixels) -> KerasModel:
    """The model from `inputs` to probabilities [N, K], by a dense layer on `x` [N, F]."""
    import keras

    return keras.Model(inputs, probabilities(keras.layers.Dense(pixels.classes, dtype="float32", name="logits")(x)))


def probabilities(logits: KerasTensor, temperature: float = 1.0) -> KerasTensor:
    """Scores [N, K] -> probabilities [N, K], by a softmax of the scores over the temperature.

    It is 1 until the evaluation calibrates it, so that every export of the model gives calibrated probabilities.
    """
    from keras import layers

    tempered = layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(logits)
    return layers.Softmax(dtype="float32", name="probabilities")(tempered)


def convolution(x: KerasTensor, width: int, *, strides: int = 1, size: int = 3, relu: bool = True) -> KerasTensor:
    """Convolution, batch normalisation and, if wanted, ReLU: [N, H, W, F] -> [N, H/s, W/s, width]."""
    from keras import layers

    x = layers.Conv2D(width, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM)(x)
    return layers.ReLU()(x) if relu else x


def features(x: KerasTensor) -> KerasTensor:
    """The mean of each map [N, h, w, F] -> [N, F]; the maps themselves are what a heat map is made of."""
    from keras import layers

    return layers.GlobalAveragePooling2D()(layers.Activation("linear", name="features")(x))
