"""A copy of an answered request: what is held of it until the shadow version was asked, and how many bytes that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec
from gateway.classify.answer import Answer, Question, Scores
from gateway.classify.job import Pixels
from gateway.shadow.compare import Answered

# What Python's own objects of one copy take, about.
_OVERHEAD_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Copy:
    """The pictures of a request that have a prediction, and those predictions.

    Attributes:
        version: The version that answered.
        answered: What it said.
        spec: How `pixels` were decoded.
        pixels: uint8 [H, W, C] each; empty if the shadow version takes other pictures.
        files: The pictures as they were uploaded, where there are no pixels.
        request_id: For the logs of the model server.
    """

    version: int
    answered: Answered
    spec: ImageSpec
    pixels: tuple[NDArray[np.uint8], ...]
    files: tuple[bytes, ...]
    request_id: str

    @property
    def held_bytes(self) -> int:
        """Bytes that are held by this copy."""
        files = sum(map(len, self.files))
        return self.answered.probabilities.nbytes + sum(array.nbytes for array in self.pixels) + files + _OVERHEAD_BYTES


def copy_of(answer: Answer, question: Question, pixels: Sequence[Pixels], wanted: ImageSpec | None) -> Copy | None:
    """A copy with what it takes to ask a version about it whose pictures are `wanted`, None if that is not known yet.

    None if there is nothing to compare.
    """
    rows, arrays, files = [], [], []
    reuses = wanted == answer.card.image
    for result, upload, array in zip(answer.results, answer.uploads, pixels, strict=True):
        if isinstance(result, Scores) and array is not None:
            rows.append(result.probabilities)
            if reuses:
                arrays.append(array)
            else:
                files.append(upload.data)
    if not rows:
        return None
    # Stacked, for a row alone would keep the whole call's answer alive.
    answered = Answered(answer.card.labels, np.stack(rows), answer.predict_ms / 1000)
    version, spec = answer.resolved.version, answer.card.image
    return Copy(version, answered, spec, tuple(arrays), tuple(files), question.request_id)
