"""The SavedModel of a version: four signatures over one frozen function, so that the weights are held once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from contract.card import ModelCard
from training.export.pixels_in_graph import Tensor, decode_batch
from training.networks import KerasModel

SERVING_DEFAULT = "serving_default"
SERVING_BYTES = "serving_bytes"
EXPLAIN = "explain"
DESCRIBE = "describe"

Frozen = Callable[[Tensor], tuple[Tensor, Tensor]]


def save(model: KerasModel, card: ModelCard, folder: Path) -> None:
    """Writes the SavedModel: ``serving_default``, ``serving_bytes``, ``explain`` and ``describe``.

    Args:
        model: Takes uint8 [N, H, W, C], has layers named ``features`` and ``logits``, gives probabilities [N, K].
        card: With the version it will have.
        folder: Where to; may exist.
    """
    module = tf.Module()
    module.signatures_of_version = _signatures(with_heatmaps(model), card)
    tf.saved_model.save(module, str(folder), signatures=module.signatures_of_version)


def _signatures(forward: Frozen, card: ModelCard) -> dict[str, Any]:
    """What each signature computes. TensorFlow inlines `forward` and drops what a signature does not return."""
    card_json = card.to_json()

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        return {"probabilities": forward(images)[0]}

    def explain(images: Tensor) -> dict[str, Tensor]:
        probabilities, heatmaps = forward(images)
        return {"heatmaps": heatmaps, "probabilities": probabilities}

    def serving_bytes(image_bytes: Tensor) -> dict[str, Tensor]:
        probabilities = forward(decode_batch(image_bytes, card.image))[0]
        classes = tf.tile(tf.constant([card.labels]), [tf.shape(image_bytes)[0], 1])
        return {"classes": classes, "probabilities": probabilities}

    def describe(query: Tensor) -> dict[str, Tensor]:
        return {"card": tf.fill(tf.shape(query), card_json)}

    images, strings = tf.TensorSpec((None, *card.image.shape), tf.uint8), tf.TensorSpec((None,), tf.string)
    return {
        SERVING_DEFAULT: _function(serving_default, images),
        SERVING_BYTES: _function(serving_bytes, strings),
        EXPLAIN: _function(explain, images),
        DESCRIBE: _function(describe, strings),
    }


def _function(compute: Callable[..., Any], *inputs: Any) -> Any:
    return tf.function(compute, input_signature=inputs, autograph=False)


def with_heatmaps(model: KerasModel) -> Frozen:
    """One TensorFlow function uint8 [N, H, W, C] -> probabilities [N, K], heatmaps [N, h, w], its weights constants."""
    outputs = [model.get_layer(name).output for name in ("features", "logits")]
    layers = keras.Model(model.input, [*outputs, model.output])
    weights = [
        [weight.numpy() for weight in group] for group in (layers.trainable_variables, layers.non_trainable_variables)
    ]

    def forward(images: Tensor) -> tuple[Tensor, Tensor]:
        constants = [[tf.constant(weight) for weight in group] for group in weights]
        count = tf.shape(images)[0]
        (features, logits, probabilities), _ = layers.stateless_call(*constants, _some(images), training=False)
        # Of a network with several views, the pictures' own maps come first.
        return probabilities[:count], _heatmaps(features, logits)[:count]

    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    frozen = _function(forward, images).get_concrete_function()
    return lambda images: tuple(frozen(tf.convert_to_tensor(images)))


def _some(images: Tensor) -> Tensor:
    """The pictures, or a black one in place of none: a residual block of oneDNN's kernels fails on an empty batch."""
    none = tf.cast(tf.equal(tf.shape(images)[0], 0), tf.int32)
    return tf.pad(images, [[0, none], [0, 0], [0, 0], [0, 0]])


def _heatmaps(features: Tensor, logits: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017) for the top class: float32 [N, h, w] in 0..1.

    Each map of `features` [N, h, w, F] counts by how much it moves the top score; what speaks against the class is cut
    off; the strongest place of each picture is 1.
    """
    (gradients,) = tf.gradients(tf.reduce_max(logits, axis=1), features)
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    maps = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))
    return tf.math.divide_no_nan(maps, tf.reduce_max(maps, axis=(1, 2), keepdims=True))
