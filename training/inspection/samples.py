"""A grid of training pictures: a row for each class, its label before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.inspection.inspection import SAMPLES_PER_CLASS, Inspection

_CELL = 96
_GAP = 6
_TEXT = 15
_LABEL_LETTERS = 28
_INK, _PAPER = (32, 36, 44), (255, 255, 255)


def draw_samples(inspection: Inspection, path: Path) -> None:
    """Writes the grid as PNG; pictures are shown as the model gets them."""
    font = _font()
    labels = [_short(label) for label, _ in inspection.samples]
    margin = round(max(font.getlength(label) for label in labels)) + 3 * _GAP
    left_out = len(inspection.counts) - len(labels)
    height = len(labels) * (_CELL + _GAP) + _GAP + (2 * _TEXT if left_out else 0)
    sheet = Image.new("RGB", (margin + SAMPLES_PER_CLASS * (_CELL + _GAP), height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (label, (_, images)) in enumerate(zip(labels, inspection.samples, strict=True)):
        top = _GAP + row * (_CELL + _GAP)
        draw.text((_GAP, top + _CELL // 2), label, _INK, font, anchor="lm")
        for column, pixels in enumerate(images):
            cell = _fitted(pixels)
            left = margin + column * (_CELL + _GAP)
            sheet.paste(cell, (left + (_CELL - cell.width) // 2, top + (_CELL - cell.height) // 2))
    if left_out:
        text = f"{len(labels)} of {len(inspection.counts):,} classes"
        draw.text((_GAP, height - _TEXT), text, _INK, font, anchor="lm")
    sheet.save(path)


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more on any machine."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", _TEXT)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_LETTERS else f"{label[: _LABEL_LETTERS - 1]}…"


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    """Scaled to the cell; small pictures to a whole multiple, so that their pixels stay sharp."""
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    longest = max(picture.size)
    if longest <= _CELL:
        scale = float(_CELL // longest)
        resample = Image.Resampling.NEAREST
    else:
        scale, resample = _CELL / longest, Image.Resampling.BILINEAR
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, resample)
