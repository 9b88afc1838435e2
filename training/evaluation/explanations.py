"""What the model looked at: Grad-CAM over test pictures, the same heat maps that an exported version gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.datasets.dataset import Part
from training.evaluation.pictures import save_picture, save_pixels, to_picture
from training.evaluation.predictions import Answers
from training.networks import KerasModel

_RIGHT = 6
_WRONG = 6
_LEAST_SIDE = 192
# How much of the colour lies over the picture where the heat map is 1.
_OPACITY = 0.7


def why_not() -> str | None:
    """Why there can be no heat maps here, or None."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return None
    return f"heat maps are computed by TensorFlow, and this ran on {backend}: `python -m training evaluate` adds them"


def explain(
    model: KerasModel, part: Part, answers: Answers, labels: Sequence[str], folder: Path
) -> list[dict[str, Any]]:
    """Writes pictures with their heat maps: the worst wrong answers, then the surest right ones of different classes.

    Args:
        model: Has layers named ``features`` and ``logits``; on Keras's TensorFlow backend.
        part: The test pictures.
        answers: What the model answered.
        labels: K class names.
        folder: The run's.
    """
    # Here and nowhere else in the evaluation: other backends need no TensorFlow.
    from training.export.signatures import with_heatmaps

    chosen = _chosen(answers)
    images = np.stack([part.images[index] for index in chosen])
    heatmaps = np.asarray(with_heatmaps(model)(images)[1])
    return [
        {
            "picture": save_pixels(pixels, folder, f"test-{index}"),
            "overlay": save_picture(_overlay(pixels, heatmap), folder, f"heat-{index}"),
            "right": labels[answers.classes[index]],
            "answer": labels[answers.answers[index]],
            "probability": float(answers.confidence[index]),
        }
        for index, pixels, heatmap in zip(chosen, images, heatmaps, strict=True)
    ]


def _chosen(answers: Answers) -> list[int]:
    wrong = np.flatnonzero(~answers.right)
    worst = wrong[np.argsort(-answers.losses[wrong], kind="stable")][:_WRONG]
    right = np.flatnonzero(answers.right)
    surest = right[np.argsort(-answers.confidence[right], kind="stable")]
    _, first = np.unique(answers.classes[surest], return_index=True)
    return [*map(int, worst), *map(int, surest[np.sort(first)][:_RIGHT])]


def _overlay(pixels: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> Image.Image:
    """The picture in grey, coloured where the heat map float32 [h, w] in 0..1 is high."""
    from matplotlib import colormaps

    picture = to_picture(pixels)
    factor = -(-_LEAST_SIDE // max(picture.size))
    size = (picture.width * factor, picture.height * factor)
    heat = np.asarray(Image.fromarray(heatmap.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
    grey = np.asarray(picture.convert("L").convert("RGB").resize(size, Image.Resampling.NEAREST), np.float32)
    colour = colormaps["autumn"](heat)[..., :3] * 255
    share = _OPACITY * heat[..., None]
    return Image.fromarray((grey * (1 - share) + colour * share).astype(np.uint8))
