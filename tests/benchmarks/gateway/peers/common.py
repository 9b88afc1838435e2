"""What the peers share: the same pixels as Vitrine's, the same model, the same answer."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image

VERSION = Path(os.environ["PEER_VERSION"])
HEIGHT, WIDTH, CHANNELS = (int(part) for part in os.environ["PEER_SHAPE"].split(","))
LABELS = [f"class {number}" for number in range(int(os.environ["PEER_CLASSES"]))]
WORKERS = int(os.environ["PEER_WORKERS"])
PORT = int(os.environ["PEER_PORT"])


def to_pixels(data: bytes) -> NDArray[np.uint8]:
    """uint8 [height, width, channels]. A JPEG is scaled down while it is decoded, to no less than twice the size."""
    return fitted(Image.open(io.BytesIO(data)))


def fitted(picture: Image.Image) -> NDArray[np.uint8]:
    """The same of a picture that is open, but not decoded yet."""
    mode = "L" if CHANNELS == 1 else "RGB"
    picture.draft(mode, (2 * WIDTH, 2 * HEIGHT))
    converted = picture.convert(mode)
    if converted.size != (WIDTH, HEIGHT):
        converted = converted.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(converted, np.uint8).reshape(HEIGHT, WIDTH, CHANNELS)


def one_thread_an_operation() -> None:
    """Workers share the CPUs already: with more threads, each small operation would pay for handing work around."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def load_signature() -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """The exported version, weights folded into its graph: uint8 [N, H, W, C] -> float32 [N, K]. Warmed up."""
    import tensorflow as tf

    one_thread_an_operation()
    model = tf.saved_model.load(str(VERSION))
    signature = model.signatures["serving_default"]

    def predict(images: NDArray[np.uint8], kept: Any = model) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = signature(images=tf.constant(images))["probabilities"].numpy()
        return probabilities

    predict(np.zeros((1, HEIGHT, WIDTH, CHANNELS), np.uint8))
    return predict


def prediction(name: str | None, row: NDArray[np.float32]) -> dict[str, Any]:
    """One picture's part of the answer."""
    best, values = int(row.argmax()), row.tolist()
    probabilities = dict(zip(LABELS, values, strict=True))
    return {"filename": name, "label": LABELS[best], "probability": values[best], "probabilities": probabilities}


def answer(names: Sequence[str | None], probabilities: NDArray[np.float32]) -> bytes:
    """JSON with the probability of every class of each picture."""
    return orjson.dumps({"predictions": [prediction(*pair) for pair in zip(names, probabilities, strict=True)]})
