"""The networks that are measured, with random weights: they cost what trained ones cost."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = "serving_default"
INPUT = "images"
OUTPUT = "probabilities"


@dataclass(frozen=True)
class Network:
    """One of them.

    Attributes:
        name: In the model repository.
        shape: Height, width, channels.
        classes: How many.
        build: The untrained Keras model.
    """

    name: str
    shape: tuple[int, int, int]
    classes: int
    build: Callable[[], Any]

    def images(self, count: int) -> NDArray[np.uint8]:
        """Noise: uint8 [count, H, W, C]."""
        return np.random.default_rng(count).integers(0, 256, (count, *self.shape), np.uint8)

    def predict_request(self, count: int) -> bytes:
        """A serialised PredictRequest with `images` of that count."""
        from contract import tensors, wire_pb2

        request = wire_pb2.PredictRequest(model_spec=wire_pb2.ModelSpec(name=self.name))
        request.inputs[INPUT].CopyFrom(tensors.to_proto(self.images(count)))
        return request.SerializeToString()

    def write_version(self, repository: Path) -> Path:
        """Its version 1, exported as training does it: constants for weights, four signatures. Gives the folder."""
        from contract.card import ImageSpec, ModelCard
        from training.export import signatures

        version = repository / self.name / "1"
        if not version.exists():
            labels = tuple(f"class {number}" for number in range(self.classes))
            card = ModelCard(self.name, labels, ImageSpec(*self.shape), version=1)
            signatures.save(self.build(), card, version)
        return version


def _small_cnn() -> Any:
    from training.networks.parts import Pixels
    from training.networks.plain import cnn_sgd

    return cnn_sgd(Pixels((28, 28, 1), (0.0,), (1.0,), 10))


def _mobilenet_v2(alpha: float) -> Any:
    import keras

    from training.networks.parts import Pixels, classifier, features, pixel_input

    inputs, x = pixel_input((224, 224, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    maps = keras.applications.MobileNetV2(alpha=alpha, include_top=False, weights=None, input_tensor=x).output
    return classifier(inputs, features(maps), Pixels((224, 224, 3), (0.0,) * 3, (1.0,) * 3, 1000))


SMALL_CNN = Network("small_cnn", (28, 28, 1), 10, _small_cnn)
MOBILENET_V2 = Network("mobilenet_v2", (224, 224, 3), 1000, partial(_mobilenet_v2, 1.0))
# The backbone of the `transfer` preset: four times quicker, so that what stands around the model shows.
MOBILENET_V2_035 = Network("mobilenet_v2_035", (224, 224, 3), 1000, partial(_mobilenet_v2, 0.35))


def write_repository(repository: Path, networks: list[Network]) -> Path:
    """A repository with version 1 of each. Gives its ``models.config``, which any TensorFlow Serving takes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Keras's variables know nothing of numpy 2's way to ask for a copy.
        warnings.simplefilter("ignore", DeprecationWarning)
        versions = [network.write_version(repository) for network in networks]
    models = "".join(
        f'  config {{ name: "{version.parent.name}" base_path: "{version.parent}" model_platform: "tensorflow" }}\n'
        for version in versions
    )
    config = repository / "models.config"
    config.write_text(f"model_config_list {{\n{models}}}\n")
    return config
