"""Pictures as people take them: clothes on a light ground, and digits written on paper. Drawn anew from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
Floats = NDArray[np.floating[Any]]

WHITE: Colour = (255, 255, 255)
PAPER: Colour = (245, 243, 236)
INKS: tuple[Colour, ...] = ((20, 20, 30), (25, 40, 140), (160, 30, 30), (70, 70, 75))
RENDERED = Path(__file__).parent / "fixtures" / "products"
# Their classes in Fashion-MNIST, whose own shoes all point left.
CLASSES_OF_RENDERED = {
    "t-shirt": "T-shirt or top",
    "blouse": "T-shirt or top",
    "jeans": "Trouser",
    "dress": "Dress",
    "coat": "Coat",
    "lab-coat": "Coat",
    "sandal": "Sandal",
    "handbag": "Bag",
    "purse": "Bag",
    "briefcase": "Bag",
    "boot": "Ankle boot",
    "hiking-boot": "Ankle boot",
}

# Outlines in a unit square, y down.
_CLOTHES: dict[str, tuple[Points, ...]] = {
    "Trouser": (
        ((0.34, 0.04), (0.66, 0.04), (0.7, 0.3), (0.72, 0.96), (0.56, 0.96), (0.51, 0.36), (0.49, 0.36), (0.44, 0.96),
         (0.28, 0.96), (0.3, 0.3)),
    ),
    "T-shirt or top": (
        ((0.36, 0.08), (0.43, 0.13), (0.57, 0.13), (0.64, 0.08), (0.9, 0.2), (0.84, 0.38), (0.74, 0.34), (0.74, 0.92),
         (0.26, 0.92), (0.26, 0.34), (0.16, 0.38), (0.1, 0.2)),
    ),
    "Pullover": (
        ((0.38, 0.06), (0.62, 0.06), (0.78, 0.14), (0.86, 0.44), (0.92, 0.9), (0.8, 0.92), (0.73, 0.46), (0.73, 0.94),
         (0.27, 0.94), (0.27, 0.46), (0.2, 0.92), (0.08, 0.9), (0.14, 0.44), (0.22, 0.14)),
    ),
    "Dress": (
        ((0.4, 0.03), (0.44, 0.03), (0.46, 0.12), (0.54, 0.12), (0.56, 0.03), (0.6, 0.03), (0.62, 0.2), (0.59, 0.4),
         (0.68, 0.97), (0.32, 0.97), (0.41, 0.4), (0.38, 0.2)),
    ),
    "Sneaker": (
        ((0.04, 0.56), (0.1, 0.5), (0.3, 0.46), (0.46, 0.34), (0.56, 0.36), (0.66, 0.3), (0.9, 0.36), (0.95, 0.62),
         (0.95, 0.68), (0.06, 0.68)),
    ),
    "Ankle boot": (
        ((0.6, 0.16), (0.92, 0.16), (0.9, 0.5), (0.95, 0.8), (0.95, 0.88), (0.78, 0.88), (0.76, 0.82), (0.6, 0.86),
         (0.06, 0.86), (0.06, 0.74), (0.16, 0.66), (0.44, 0.56), (0.58, 0.46)),
    ),
    "Bag": (
        ((0.14, 0.4), (0.86, 0.4), (0.92, 0.9), (0.08, 0.9)),
        ((0.28, 0.41), (0.32, 0.2), (0.42, 0.12), (0.58, 0.12), (0.68, 0.2), (0.72, 0.41), (0.67, 0.41), (0.64, 0.23),
         (0.56, 0.17), (0.44, 0.17), (0.36, 0.23), (0.33, 0.41)),
    ),
    "Sandal": (
        ((0.04, 0.66), (0.2, 0.62), (0.5, 0.66), (0.7, 0.54), (0.92, 0.44), (0.96, 0.46), (0.96, 0.66), (0.9, 0.66),
         (0.88, 0.52), (0.6, 0.7), (0.04, 0.71)),
        ((0.18, 0.64), (0.34, 0.46), (0.4, 0.46), (0.24, 0.65)),
        ((0.3, 0.64), (0.4, 0.5), (0.46, 0.52), (0.4, 0.66)),
        ((0.72, 0.54), (0.68, 0.34), (0.73, 0.33), (0.78, 0.52)),
        ((0.68, 0.36), (0.94, 0.3), (0.95, 0.35), (0.7, 0.41)),
    ),
}  # fmt: skip
CLOTHES = tuple(_CLOTHES)

# The way of the pen in a unit square, y down.
_STROKES: tuple[tuple[Points, ...], ...] = (
    (((0.5, 0.02), (0.22, 0.12), (0.1, 0.5), (0.22, 0.88), (0.5, 0.98), (0.78, 0.88), (0.9, 0.5), (0.78, 0.12),
      (0.5, 0.02)),),
    (((0.3, 0.22), (0.55, 0.02), (0.55, 0.98)),),
    (((0.15, 0.22), (0.3, 0.05), (0.6, 0.02), (0.82, 0.2), (0.75, 0.42), (0.12, 0.96), (0.9, 0.96)),),
    (((0.15, 0.1), (0.5, 0.02), (0.8, 0.18), (0.72, 0.4), (0.4, 0.48), (0.75, 0.55), (0.85, 0.78), (0.6, 0.96),
      (0.12, 0.9)),),
    (((0.6, 0.02), (0.1, 0.66), (0.92, 0.66)), ((0.68, 0.4), (0.66, 0.98))),
    (((0.85, 0.04), (0.25, 0.04), (0.2, 0.42), (0.6, 0.4), (0.85, 0.62), (0.75, 0.9), (0.45, 0.98), (0.12, 0.9)),),
    (((0.7, 0.02), (0.35, 0.25), (0.15, 0.6), (0.25, 0.9), (0.55, 0.98), (0.82, 0.82), (0.75, 0.58), (0.5, 0.52),
      (0.2, 0.68)),),
    (((0.1, 0.05), (0.9, 0.05), (0.55, 0.5), (0.4, 0.98)),),
    (((0.5, 0.47), (0.2, 0.3), (0.25, 0.1), (0.5, 0.02), (0.75, 0.1), (0.78, 0.3), (0.5, 0.47), (0.18, 0.68),
      (0.2, 0.9), (0.5, 0.98), (0.8, 0.9), (0.82, 0.68), (0.5, 0.47)),),
    (((0.8, 0.3), (0.6, 0.48), (0.3, 0.45), (0.18, 0.25), (0.35, 0.05), (0.65, 0.03), (0.8, 0.2), (0.8, 0.5),
      (0.7, 0.98)),),
)  # fmt: skip


def product(
    name: str,
    *,
    colour: Colour = (60, 70, 110),
    ground: Colour = WHITE,
    size: tuple[int, int] = (480, 600),
    scale: float = 0.6,
    at: tuple[float, float] = (0.5, 0.5),
    shadow: float = 0.0,
    seed: int = 0,
) -> Image.Image:
    """A piece of clothing with folds and a little noise, as a shop shows it.

    Args:
        name: One of `CLOTHES`.
        colour: Of the cloth.
        ground: Of what it lies on.
        size: Width and height in pixels.
        scale: The side of its square as a share of the shorter side.
        at: Its centre, as shares of the width and of the height.
        shadow: How much darker the ground is close to it: soft, a little below.
        seed: Of the noise.
    """
    width, height = size
    side = scale * min(size)
    left, top = width * at[0] - side / 2, height * at[1] - side / 2
    mask = _mask(size, [[(left + side * x, top + side * y) for x, y in outline] for outline in _CLOTHES[name]])
    alpha = _share(mask)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    folds = 1 + 0.13 * np.sin(16 * x / side + 3 * y / side) + 0.12 * (x / width - 0.5) - 0.1 * (y / height - 0.5)
    rounded = 0.72 + 0.28 * _share(mask.filter(ImageFilter.GaussianBlur(side / 30)))
    cloth = np.array(colour) * (folds[..., None] * rounded)
    below = np.roll(_share(mask.filter(ImageFilter.GaussianBlur(side / 15))), int(side / 20), axis=0)
    return _photo(np.array(ground) * (1 - shadow * below), cloth, alpha, seed)


def rendered(name: str, *, ground: Colour | None = None) -> Image.Image:
    """One of the rendered pictures, shoes pointing left: transparent around it, or off-centre on a wide ground."""
    with Image.open(RENDERED / f"{name}.webp") as file:
        picture = file.convert("RGBA")
    if CLASSES_OF_RENDERED[name] in {"Sandal", "Ankle boot"}:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if ground is None:
        return picture
    photo = Image.new("RGBA", (600, 800), ground)
    photo.alpha_composite(picture.resize((400, 400)), (90, 210))
    return photo.convert("RGB")


def handwritten(
    digit: int,
    *,
    seed: int = 0,
    size: tuple[int, int] = (640, 480),
    pen: float | None = None,
    ink: Colour | None = None,
    paper: Colour = PAPER,
    unevenness: float = 0.35,
) -> Image.Image:
    """A digit written somewhere on a sheet, in an unsteady hand, by a lamp at one side.

    Args:
        digit: 0 to 9.
        seed: Of the hand, the place, the size, the slant, the lamp, the noise; and of the pen and the ink if not given.
        size: Width and height in pixels.
        pen: Its width in pixels.
        ink: Its colour.
        paper: Its colour where the light is best.
        unevenness: How much darker the sheet is where the light is worst.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    tall = height * rng.uniform(0.4, 0.75)
    wide = tall * rng.uniform(0.55, 0.75)
    left, top = rng.uniform(0.08, 0.85) * (width - 1.2 * wide), rng.uniform(0.08, 0.85) * (height - 1.1 * tall)
    # Drawn lots for even if given: the same seed is the same hand with every pen.
    drawn_pen, drawn_ink = tall * rng.uniform(0.05, 0.14), INKS[int(rng.integers(len(INKS)))]
    pen, ink = pen or drawn_pen, ink or drawn_ink
    slant = rng.uniform(-0.15, 0.15)
    lines = [
        [(left + pen + wide * (x + slant * (0.5 - y)), top + pen + tall * y) for x, y in _by_hand(stroke, rng)]
        for stroke in _STROKES[digit]
    ]
    alpha = _share(_mask(size, lines, pen).filter(ImageFilter.GaussianBlur(0.7)))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - unevenness * (0.5 + 0.35 * (x * np.cos(angle) + y * np.sin(angle)) + 0.1 * (x**2 + y**2))
    return _photo(np.array(paper) * light[..., None], np.array(ink) * light[..., None], alpha, seed)


def _by_hand(stroke: Points, rng: np.random.Generator) -> Floats:
    """Unsteady, and with its corners cut (Chaikin 1974)."""
    points: Floats = np.array(stroke) + rng.normal(0, 0.025, (len(stroke), 2))
    for _ in range(3):
        first, second = points[:-1], points[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def _mask(size: tuple[int, int], shapes: Sequence[Any], pen: float | None = None) -> Image.Image:
    """Polygons, or lines of a round pen, antialiased: 255 on 0."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    draw = ImageDraw.Draw(mask)
    for shape in shapes:
        points = [(2 * float(x), 2 * float(y)) for x, y in shape]
        if pen is None:
            draw.polygon(points, fill=255)
            continue
        draw.line(points, fill=255, width=round(2 * pen), joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - pen, y - pen, x + pen, y + pen), fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _share(mask: Image.Image) -> Floats:
    """0..1, with a last axis for the colours."""
    return np.asarray(mask, np.float32)[..., None] / 255


def _photo(ground: Floats, subject: Floats, alpha: Floats, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, 1.5, (*alpha.shape[:2], 1))
    return Image.fromarray(np.clip(ground * (1 - alpha) + subject * alpha + noise, 0, 255).astype(np.uint8))
