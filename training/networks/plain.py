"""The convolutional networks of the classic exercises."""

from __future__ import annotations

from training.networks.parts import KerasModel, Pixels, classifier, convolution, normalised, scaled


def cnn_sgd(pixels: Pixels) -> KerasModel:
    """Conv 32, pooling, one hidden layer of 100, He initialisation; pixels from 0 to 1."""
    from keras import layers

    inputs, x = scaled(pixels)
    x = layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_uniform", name="features")(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    x = layers.Dense(100, activation="relu", kernel_initializer="he_uniform")(x)
    return classifier(inputs, x, pixels)


def cnn_basic(pixels: Pixels) -> KerasModel:
    """Conv 32, pooling, Conv 64, pooling, Conv 64, one hidden layer of 64; pixels from 0 to 1."""
    from keras import layers

    inputs, x = scaled(pixels)
    for width in (32, 64):
        x = layers.Conv2D(width, 3, padding=_padding(x), activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding=_padding(x), activation="relu", name="features")(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return classifier(inputs, x, pixels)


def cnn_regularized(pixels: Pixels) -> KerasModel:
    """Three pairs of convolutions with batch normalisation, pooling and dropout, one hidden layer of 128."""
    from keras import layers

    inputs, x = normalised(pixels)
    for width, dropout in ((32, 0.2), (64, 0.3), (128, 0.4)):
        x = convolution(convolution(x, width), width)
        if width == 128:
            x = layers.Activation("linear", name="features")(x)
        if min(x.shape[1:3]) > 1:
            x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Dense(128, activation="relu", kernel_initializer="he_uniform")(layers.Flatten()(x))
    return classifier(inputs, layers.Dropout(0.5)(layers.BatchNormalization(momentum=0.9)(x)), pixels)


def _padding(x: object) -> str:
    """Maps of less than 6 would be used up by unpadded convolutions."""
    return "same" if min(x.shape[1:3]) < 6 else "valid"  # type: ignore[attr-defined]
