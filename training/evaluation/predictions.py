"""The model's answers for a part of a dataset. Only scores are kept: the pictures may be larger than the memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from training.datasets.dataset import Part
from training.evaluation.metrics import losses
from training.networks import KerasModel
from training.predict import predict

_PORTION = 1024
_SHOWN_EVERY_S = 5.0


@dataclass(frozen=True)
class Answers:
    """Probabilities for pictures whose right classes are known.

    Attributes:
        probabilities: float32 [N, K].
        classes: int64 [N], the right ones.
    """

    probabilities: NDArray[np.float32]
    classes: NDArray[np.int64]

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """int64 [N], the most probable classes."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """float32 [N], the probabilities of the answers."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """float64 [N], the cross-entropies, in nats."""
        return losses(self.probabilities, self.classes)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Of bool [N]: whether each answer is the right class."""
        return np.asarray(self.answers == self.classes)


def logits(
    model: KerasModel, images: NDArray[np.uint8], *, what: str = "", out: TextIO | None = None
) -> NDArray[np.float32]:
    """The scores before temperature and softmax: float32 [N, K] for uint8 [N, H, W, C].

    Args:
        model: Has a layer named ``logits``.
        images: May be a memory map: only a few batches of it are read at a time.
        what: Names the pictures where progress is shown.
        out: Where long work shows its progress; nowhere if None.
    """
    import keras

    scores = keras.Model(model.input, model.get_layer("logits").output)
    found = np.empty((len(images), model.output_shape[-1]), np.float32)
    shown = time.monotonic()
    for start in range(0, len(images), _PORTION):
        portion = images[start : start + _PORTION]
        found[start : start + len(portion)] = predict(scores, portion)
        if out and time.monotonic() - shown > _SHOWN_EVERY_S:
            shown = time.monotonic()
            print(f"Measured {start + len(portion):,} of {len(images):,} {what} pictures", file=out, flush=True)
    return found


def answers(scores: NDArray[np.float32], part: Part, temperature: float) -> Answers:
    """The answers of a model with that temperature, from its `logits` for the part."""
    return Answers(probabilities(scores, temperature), part.classes)


def probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """float32 [N, K]: the softmax of scores divided by the temperature."""
    from scipy.special import softmax

    return np.asarray(softmax(scores / np.float32(temperature), axis=1), dtype=np.float32)
