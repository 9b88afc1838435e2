"""The check before publishing: loaded as it will be served, the SavedModel answers as the Keras model does."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from contract.card import ModelCard
from contract.images import ImageError, decode
from contract.versions import PublishError
from training.export.quiet import quieted
from training.export.signatures import DESCRIBE, EXPLAIN, SERVING_BYTES, SERVING_DEFAULT

MAX_DIFFERENCE = 1e-4
# Files for datasets that have none: a size that must be scaled down, and a compression that loses a little.
_ENLARGED = 3
_JPEG_QUALITY = 90


class Serve(Protocol):
    """Runs one signature of a loaded version."""

    def __call__(self, signature: str, value: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The signature's outputs for its one input."""


@dataclass(frozen=True)
class Checks:
    """What the check found.

    Attributes:
        images: How many test pictures were compared.
        max_difference: Of any probability, served against Keras.
        bytes_pictures: How many files were compared.
        bytes_max_difference: Of any probability, `serving_bytes` against the gateway's decoder.
    """

    images: int
    max_difference: float
    bytes_pictures: int
    bytes_max_difference: float


def verify(
    folder: Path, card: ModelCard, images: NDArray[np.uint8], expected: NDArray[np.float32], files: Sequence[bytes]
) -> Checks:
    """Loads the SavedModel and runs all four signatures.

    Args:
        folder: The SavedModel.
        card: What `describe` must answer.
        images: uint8 [N, H, W, C] test pictures.
        expected: float32 [N, K], the Keras model's probabilities for them.
        files: Pictures as files, to compare the two ways of decoding; those that cannot be compared are left out.

    Raises:
        PublishError: It cannot be loaded or run, answers otherwise than the Keras model, or has another card.
    """
    try:
        with loaded(folder) as serve:
            difference = _check_images(serve, images, expected)
            _check_explain(serve, images, expected)
            _check_describe(serve, card)
            _check_empty(serve, card)
            pictures, bytes_difference = _compare_bytes(serve, card, files)
    except (tf.errors.OpError, OSError, KeyError, ValueError) as error:
        raise PublishError(f"The exported model cannot be run: {error}") from error
    return Checks(len(images), difference, pictures, bytes_difference)


@contextmanager
def loaded(folder: Path) -> Iterator[Serve]:
    """Loads a SavedModel into a session of its own, as TensorFlow Serving does, and gives what runs its signatures."""
    quieted()
    # Not entered as TensorFlow's context manager: that would make its graph the default of everything meanwhile.
    with closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        meta = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], str(folder))

        def serve(signature: str, value: NDArray[Any]) -> dict[str, NDArray[Any]]:
            definition = meta.signature_def[signature]
            (feed,) = definition.inputs.values()
            fetches = {key: info.name for key, info in definition.outputs.items()}
            outputs: dict[str, NDArray[Any]] = session.run(fetches, {feed.name: value})
            return outputs

        yield serve


def as_files(images: NDArray[np.uint8]) -> list[bytes]:
    """Each picture as two files: a PNG of its own size, and a larger JPEG."""
    files: list[bytes] = []
    for pixels in images:
        picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
        large = picture.resize((picture.width * _ENLARGED, picture.height * _ENLARGED), Image.Resampling.BICUBIC)
        files += [_encoded(picture, "PNG"), _encoded(large, "JPEG")]
    return files


def _encoded(picture: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _check_images(serve: Serve, images: NDArray[np.uint8], expected: NDArray[np.float32]) -> float:
    served = serve(SERVING_DEFAULT, images)["probabilities"]
    if served.shape != expected.shape:
        raise PublishError(f"Expected probabilities of shape {expected.shape}. Received: {served.shape}")
    difference = float(np.abs(served - expected).max())
    # Written so that a difference which is not a number is refused as well.
    if not difference <= MAX_DIFFERENCE:
        raise PublishError(
            f"Expected served probabilities within {MAX_DIFFERENCE:g} of the Keras model's on {len(images)} test "
            f"pictures. Received: a difference of {difference:.2g}. Nothing was published"
        )
    return difference


def _check_explain(serve: Serve, images: NDArray[np.uint8], expected: NDArray[np.float32]) -> None:
    served = serve(EXPLAIN, images)
    heatmaps = served["heatmaps"]
    if heatmaps.ndim != 3 or not (np.all(heatmaps >= 0) and np.all(heatmaps <= 1)):
        raise PublishError(f"Expected heatmaps [N, h, w] within 0..1. Received: {heatmaps.shape}, {heatmaps.max()}")
    if not np.abs(served["probabilities"] - expected).max() <= MAX_DIFFERENCE:
        raise PublishError("Expected explain to give the probabilities of serving_default. Received: others")


def _check_describe(serve: Serve, card: ModelCard) -> None:
    cards = serve(DESCRIBE, np.array([b"", b"?"], object))["card"]
    if [ModelCard.from_json(text) for text in cards] != [card, card]:
        raise PublishError(f"Expected describe to give the card. Received: {cards[0]!r}")


def _check_empty(serve: Serve, card: ModelCard) -> None:
    empty = np.empty((0, *card.image.shape), np.uint8)
    strings = np.empty(0, object)
    values = {SERVING_DEFAULT: empty, EXPLAIN: empty, SERVING_BYTES: strings, DESCRIBE: strings}
    for signature, value in values.items():
        for name, output in serve(signature, value).items():
            if len(output):
                raise PublishError(f"Expected no {name} of {signature} for no input. Received: {output.shape}")


def _compare_bytes(serve: Serve, card: ModelCard, files: Sequence[bytes]) -> tuple[int, float]:
    """How many files, and the largest difference of a probability between the two ways of decoding them."""
    differences: list[float] = []
    for data in files:
        try:
            here = serve(SERVING_DEFAULT, decode(data, card.image)[None])["probabilities"]
            served = serve(SERVING_BYTES, np.array([data], object))
        except (ImageError, tf.errors.InvalidArgumentError):
            continue
        if [label.decode() for label in served["classes"][0]] != list(card.labels):
            raise PublishError(f"Expected the classes {list(card.labels)}. Received: {served['classes'][0].tolist()}")
        differences.append(float(np.abs(served["probabilities"] - here).max()))
    if not differences:
        raise PublishError(f"Expected serving_bytes to read a picture. Received: none read of {len(files)} files")
    return len(differences), max(differences)
