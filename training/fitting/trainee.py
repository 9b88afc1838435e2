"""The graph that trains: a network with augmentation in front and the loss behind, on any Keras backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.augmentation import Augmentation
from training.networks import KerasModel


class Trainee(keras.Model):  # type: ignore[misc]
    """Trains a network's own layers. The network itself knows nothing of augmentation, and is what gets saved.

    Its input is ``{"images": uint8 [N, H, W, C], "labels": float32 [N, K]}``: mixing pictures mixes their labels too.
    """

    def __init__(self, network: KerasModel, augmentation: Augmentation, label_smoothing: float) -> None:
        """Takes hold of the network behind its layer ``pixels``.

        Args:
            network: As `training.networks` builds it.
            augmentation: How the pictures are changed.
            label_smoothing: The share of the target that is spread over all classes.
        """
        super().__init__(name="trainee")
        self.body = keras.Model(network.get_layer("pixels").output, network.get_layer("logits").output)
        self.image_layers = augmentation.image_layers()
        self.mixing_layers = augmentation.mixing_layers()
        self.label_smoothing = label_smoothing
        self.accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")

    def build(self, input_shape: Any) -> None:  # noqa: ARG002
        """Nothing is left to build: the network's layers are, and those of the augmentation have no weights."""
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The scores [N, K], and the labels [N, K] as mixed."""
        batch = {"images": ops.cast(inputs["images"], "float32"), "labels": ops.cast(inputs["labels"], "float32")}
        if training:
            for layer in self.image_layers:
                batch["images"] = layer(batch["images"], training=True)
            for layer in self.mixing_layers:
                batch = layer(batch, training=True)
        return {"logits": self.body(batch["images"], training=training), "labels": batch["labels"]}

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002
        y: Any = None,  # noqa: ARG002
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,  # noqa: ARG002
    ) -> Any:
        """The mean cross-entropy, weighted by `sample_weight` [N] if given."""
        losses = keras.losses.categorical_crossentropy(
            y_pred["labels"], y_pred["logits"], from_logits=True, label_smoothing=self.label_smoothing
        )
        self.accuracy.update_state(y_pred["labels"], y_pred["logits"])
        return ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, losses.dtype))
