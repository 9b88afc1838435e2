"""A user's picture shown as the training pictures show theirs: the subject alone, filling the canvas, in full contrast.

For models whose card has ``image.subject``. The steps are those by which Fashion-MNIST was made from product photos
(Xiao et al. 2017, arXiv 1708.07747, section 2: trim what is close to the corners' colour, longest edge to the canvas,
centre, negate, grey) and handwritten digits from scanned forms (threshold the ink, trim, scale to the canvas), made
fit for pictures that come from no studio:

1. A picture of exactly the model's size is taken for one of the training pictures and left as it is; only if its
   corners are of the other tone is it negated.
2. The background is a plane through the grey values near the corners, for light is seldom even.
3. The subject is dark on light or light on dark: whichever stands out more. Its values are the distances from the
   background (on a light one as a share of it, for in the shade ink is darker and paper too); what is nearer than the
   tolerance, or than the picture's noise, is background: 0.
4. The box around the subject is scaled, longest side to the canvas, and centred. Its lightest pixel becomes 255, as in
   every picture of Fashion-MNIST.
5. For training pictures on a light background the result is negated.

Where nothing stands out (a blank page, a landscape) the whole picture is taken, negated if its corners are of the
other tone. `training.export.subject_in_graph` does the same with TensorFlow's operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import SubjectSpec

# The steps are done on a picture of at most so many pixels a side: enough for the small canvas that the box goes to.
WORKING_SIDE = 512
# What differs from the background along so much of every edge is a frame, at most such a part of a side wide.
FRAME_SHARE = 0.9
FRAME_PART = 32
# The background is looked for along the edges, three frames deep so that a frame is outvoted, and only so far from the
# corners: a subject that touches an edge mostly touches its middle.
CORNER_PART = 4
FIT_STEPS = 8
_RIDGE = np.diag([0, 1e-3, 1e-3])
# The least distance from the background in grey levels (a lossy format makes smaller ones), and in deviations of noise.
LEAST_DISTANCE = 6.0
NOISE_FACTOR = 5.0
# The standard deviation of normal noise over the median of its absolute values.
DEVIATION_OF_MEDIAN = 1.4826
# So much of the subject's sum may lie beyond each side of its box: specks of dust do not widen it.
SPECKS_SHARE = 0.001
LIGHT = 128

Floats = NDArray[np.float32]


def working_size(width: int, height: int) -> tuple[int, int]:
    """The width and height in which a picture of this width and height is to be given to `prepare`."""
    scale = min(1.0, WORKING_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def prepare(picture: Image.Image, size: tuple[int, int], subject: SubjectSpec) -> NDArray[np.uint8]:
    """Shows the picture's subject as the training pictures show theirs.

    Args:
        picture: Upright, grey (mode ``L``), in its `working_size`.
        size: Width and height of the canvas.
        subject: How the training pictures show theirs.

    Returns:
        uint8 [height, width].
    """
    pixels = np.asarray(picture)
    negated = _has_light_corners(pixels) != (subject.background == "light")
    if picture.size == size:
        return 255 - pixels if negated else pixels
    grey = pixels.astype(np.float32)
    values = _light_on_dark(grey, subject.tolerance)
    box = _box(values)
    if box is None:
        whole = _placed(255 - grey if negated else grey, size, 255.0 if subject.background == "light" else 0.0)
        return np.rint(whole).astype(np.uint8)
    canvas = _placed(values[box], size)
    shown: NDArray[np.uint8] = np.rint(canvas * (255 / canvas.max())).astype(np.uint8)
    return 255 - shown if subject.background == "light" else shown


def _has_light_corners(pixels: NDArray[np.uint8]) -> bool:
    """By the two in the middle of the four: a subject may lie in one."""
    corners = sorted(int(pixels[y, x]) for y in (0, -1) for x in (0, -1))
    return corners[1] + corners[2] >= 2 * LIGHT


def _light_on_dark(grey: Floats, tolerance: float) -> Floats:
    """The subject's distances from the background, above 0; 0 for all else."""
    background, noise = _background(grey)
    above = grey - background
    least = max(LEAST_DISTANCE, NOISE_FACTOR * noise)
    if _is_framed(above, least):
        above *= np.logical_and.outer(_inside(grey.shape[0]), _inside(grey.shape[1]))
    below = -above
    is_darker = _contrast(below, least) >= _contrast(above, least)
    values = below if is_darker else above
    mask = values > max(least, tolerance * float(values.max()))
    if is_darker:
        # Where the subject is darker, the background is at least its distance; elsewhere the 1 only spares a division
        # by 0.
        np.maximum(background, np.float32(1), out=background)
        values *= np.divide(255, background, out=background)
    values *= mask
    return values


def _contrast(distances: Floats, least: float) -> float:
    """How much stands out by more than `least`, all in all."""
    beyond = distances - least
    np.maximum(beyond, 0, out=beyond)
    return float(np.square(beyond, out=beyond).sum(dtype=np.float64))


def _is_framed(above: Floats, least: float) -> bool:
    """Whether nearly all of each edge stands out."""
    edges = (above[0], above[-1], above[:, 0], above[:, -1])
    return bool(min((np.abs(edge) > least).mean() for edge in edges) > FRAME_SHARE)


def _background(grey: Floats) -> tuple[Floats, float]:
    """The background's grey values, as if nothing lay on it, and the standard deviation of its noise.

    It is the plane with the least sum of distances (not squares: what lies on the background hardly tilts
    it then) from the pixels near the corners, found by iteratively reweighted least squares.
    """
    height, width = grey.shape
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    rows, columns = _near_corners(height, width)
    terms = np.stack([np.ones(len(rows)), x[columns], y[rows]], axis=1)
    values = grey[rows, columns].astype(np.float64)
    plane = np.array([_median(values), 0.0, 0.0])
    for _ in range(FIT_STEPS):
        weighted = terms / np.maximum(np.abs(values - terms @ plane), 1.0)[:, None]
        # The ridge holds a slope at 0 where a side of one pixel leaves it open.
        plane = np.linalg.solve(terms.T @ weighted + _RIDGE, weighted.T @ values)
    noise = DEVIATION_OF_MEDIAN * _median(np.abs(values - terms @ plane))
    background = plane[0] + plane[1] * x + plane[2] * y[:, None]
    return background.astype(np.float32), noise


def _near_corners(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows and columns of the pixels that tell the background, row by row."""
    rows = np.flatnonzero(_near_end(height, height // CORNER_PART))
    columns = np.flatnonzero(_near_end(width, width // CORNER_PART))
    on_edge = (
        _near_end(height, 3 * (height // FRAME_PART))[rows, None] | _near_end(width, 3 * (width // FRAME_PART))[columns]
    )
    at = np.nonzero(on_edge)
    return rows[at[0]], columns[at[1]]


def _near_end(side: int, reach: int) -> NDArray[np.bool_]:
    """Of a side's pixels, those so near to one of its ends, and the last one anyway."""
    place = np.arange(side)
    return np.minimum(place, side - 1 - place) < max(1, reach)


def _inside(side: int) -> NDArray[np.bool_]:
    """Of a side's pixels, those within a frame."""
    place = np.arange(side)
    return np.minimum(place, side - 1 - place) >= side // FRAME_PART


def _median(values: NDArray[Any]) -> float:
    """The lower one of two in the middle."""
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def _box(values: Floats) -> tuple[slice, slice] | None:
    """The box around what is above 0 but for specks, None if nothing is."""
    if not values.any():
        return None
    rows, columns = (_extent(values.sum(axis, dtype=np.float64)) for axis in (1, 0))
    return rows, columns


def _extent(sums: NDArray[np.float64]) -> slice:
    """Of the sums over each row, or each column, those between the specks."""
    beyond = SPECKS_SHARE * sums.sum()
    first, after = (int(np.count_nonzero(np.cumsum(side) <= beyond)) for side in (sums, sums[::-1]))
    return slice(first, len(sums) - after)


def _placed(values: Floats, size: tuple[int, int], around: float = 0.0) -> Floats:
    """Scaled so that the longest side fills the canvas (bicubic: the training pictures are crisp), and centred."""
    height, width = values.shape
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = Image.fromarray(values).resize(inner, Image.Resampling.BICUBIC)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.full((size[1], size[0]), around, np.float32)
    canvas[top : top + inner[1], left : left + inner[0]] = np.clip(np.asarray(scaled), 0, 255)
    return canvas
