"""`contract.subject` inside the graph: the same steps with TensorFlow's operations, the reasons for them there.

The results differ by a level of rounding; of pictures that are scaled down before, by what the scaling differs.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from contract import subject as steps
from contract.card import SubjectSpec

Tensor = Any


def prepare(grey: Tensor, size: tuple[int, int], subject: SubjectSpec) -> Tensor:
    """Int32 [h, w, 1] of any size -> uint8 [height, width, 1]; `size` is the canvas's height and width."""
    grey = _in_working_size(grey)[..., 0]
    negated = tf.not_equal(_has_light_corners(grey), subject.background == "light")
    own = tf.reduce_all(tf.equal(tf.shape(grey), size))
    toned = tf.where(negated, 255.0 - grey, grey)
    prepared = tf.cond(own, lambda: toned, lambda: _prepared(grey, toned, size, subject))
    return tf.ensure_shape(tf.cast(tf.round(prepared), tf.uint8)[..., None], (*size, 1))


def _prepared(grey: Tensor, toned: Tensor, size: tuple[int, int], subject: SubjectSpec) -> Tensor:
    """The subject if there is one, else the whole picture in the training pictures' tone: float32 [height, width]."""
    light = subject.background == "light"
    values = _light_on_dark(grey, subject.tolerance)

    def shown() -> Tensor:
        canvas, _ = _placed(_boxed(values), size)
        canvas = tf.round(canvas * (255.0 / tf.reduce_max(canvas)))
        return 255.0 - canvas if light else canvas

    def whole() -> Tensor:
        canvas, covered = _placed(toned, size)
        return tf.where(covered, canvas, 255.0 if light else 0.0)

    return tf.cond(tf.reduce_any(values > 0), shown, whole)


def _in_working_size(grey: Tensor) -> Tensor:
    """Int32 [h, w, 1] -> float32 [h, w, 1] of whole grey levels."""
    given = tf.cast(tf.shape(grey)[:2], tf.float64)
    scale = tf.minimum(tf.constant(1.0, tf.float64), steps.WORKING_SIDE / tf.reduce_max(given))
    size = tf.maximum(tf.constant(1.0, tf.float64), tf.round(given * scale))
    scaled = _scaled(tf.cast(grey, tf.float32), tf.cast(size, tf.int32), size / given, tf.zeros(2), "triangle")
    return tf.clip_by_value(tf.round(scaled), 0.0, 255.0)


def _has_light_corners(grey: Tensor) -> Tensor:
    corners = tf.sort(tf.stack([grey[0, 0], grey[0, -1], grey[-1, 0], grey[-1, -1]]))
    return corners[1] + corners[2] >= 2 * steps.LIGHT


def _light_on_dark(grey: Tensor, tolerance: float) -> Tensor:
    """Float32 [h, w] -> the subject's distances from the background, above 0; 0 for all else."""
    background, noise = _background(grey)
    above = grey - background
    least = tf.maximum(steps.LEAST_DISTANCE, steps.NOISE_FACTOR * noise)
    inside = tf.logical_or(_inside(tf.shape(grey)), tf.logical_not(_is_framed(tf.abs(above) > least)))
    above = tf.where(inside, above, 0.0)
    darker, lighter = (tf.reduce_sum(tf.square(tf.nn.relu(sign * above - least))) for sign in (-1.0, 1.0))
    is_darker = darker >= lighter
    values = tf.where(is_darker, -above, above)
    mask = values > tf.maximum(least, tolerance * tf.reduce_max(values))
    scale = tf.where(is_darker, 255.0 / tf.maximum(background, 1.0), 1.0)
    return tf.where(mask, values * scale, 0.0)


def _is_framed(mask: Tensor) -> Tensor:
    edges = [tf.reduce_mean(tf.cast(edge, tf.float32)) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1])]
    return tf.reduce_min(edges) > steps.FRAME_SHARE


def _background(grey: Tensor) -> tuple[Tensor, Tensor]:
    """The background as a plane, float32 [h, w], and the standard deviation of its noise."""
    one = tf.constant(1.0, tf.float64)
    height, width = tf.unstack(tf.shape(grey))
    y, x = tf.linspace(-one, one, height), tf.linspace(-one, one, width)
    frame, corner = steps.FRAME_PART, steps.CORNER_PART
    edge = tf.logical_or(_near_end(height, 3 * (height // frame))[:, None], _near_end(width, 3 * (width // frame)))
    chosen = tf.logical_and(
        edge, tf.logical_and(_near_end(height, height // corner)[:, None], _near_end(width, width // corner))
    )
    places = tf.where(chosen)
    terms = tf.stack(
        [tf.ones_like(places[:, 0], tf.float64), tf.gather(x, places[:, 1]), tf.gather(y, places[:, 0])], 1
    )
    values = tf.cast(tf.gather_nd(grey, places), tf.float64)[:, None]
    plane = tf.stack([_median(values[:, 0]), 0 * one, 0 * one])[:, None]
    for _ in range(steps.FIT_STEPS):
        weighted = terms / tf.maximum(tf.abs(values - terms @ plane), one)
        ridge = tf.linalg.diag(tf.constant([0, 1e-3, 1e-3], tf.float64))
        plane = tf.linalg.solve(tf.transpose(terms) @ weighted + ridge, tf.transpose(weighted) @ values)
    noise = steps.DEVIATION_OF_MEDIAN * _median(tf.abs(values - terms @ plane)[:, 0])
    background = plane[0] + plane[1] * x + plane[2] * y[:, None]
    return tf.cast(background, tf.float32), tf.cast(noise, tf.float32)


def _near_end(side: Tensor, reach: Tensor) -> Tensor:
    return _end_distance(side) < tf.maximum(1, reach)


def _inside(shape: Tensor) -> Tensor:
    height, width = (_end_distance(side) >= side // steps.FRAME_PART for side in tf.unstack(shape))
    return tf.logical_and(height[:, None], width)


def _end_distance(side: Tensor) -> Tensor:
    """How many pixels lie between each and the nearer end: int32 [side]."""
    place = tf.range(side)
    return tf.minimum(place, side - 1 - place)


def _median(values: Tensor) -> Tensor:
    return tf.sort(values)[(tf.size(values) - 1) // 2]


def _boxed(values: Tensor) -> Tensor:
    """What lies in the box around all that is above 0 but for specks."""
    wide = tf.cast(values, tf.float64)
    (top, bottom), (left, right) = (_extent(tf.reduce_sum(wide, axis)) for axis in (1, 0))
    return values[top:bottom, left:right]


def _extent(sums: Tensor) -> tuple[Tensor, Tensor]:
    """The first place within, and the first beyond."""
    beyond = steps.SPECKS_SHARE * tf.reduce_sum(sums)
    before, after = (
        tf.math.count_nonzero(tf.cumsum(sums, reverse=end) <= beyond, dtype=tf.int32) for end in (False, True)
    )
    return before, tf.size(sums) - after


def _placed(values: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """On the canvas, float32 [height, width]; and where of it, bool [height, width]."""
    canvas, given = tf.constant(size, tf.float64), tf.cast(tf.shape(values), tf.float64)
    inner = tf.maximum(tf.constant(1.0, tf.float64), tf.round(given * tf.reduce_min(canvas / given)))
    first = (canvas - inner) // 2
    scaled = _scaled(values[..., None], tf.constant(size), inner / given, first, "keyscubic")[..., 0]
    rows, columns = (
        tf.logical_and(place >= first[axis], place < first[axis] + inner[axis])
        for axis, place in enumerate(tf.range(side, dtype=tf.float64) for side in size)
    )
    return tf.clip_by_value(scaled, 0.0, 255.0), tf.logical_and(rows[:, None], columns)


def _scaled(pixels: Tensor, size: Tensor, scale: Tensor, translation: Tensor, kernel: str) -> Tensor:
    """Antialiased, onto a canvas of 0: float32 [h, w, 1] -> float32 [*size, 1]."""
    scaled = tf.raw_ops.ScaleAndTranslate(
        images=pixels[None],
        size=size,
        scale=tf.cast(scale, tf.float32),
        translation=tf.cast(translation, tf.float32),
        kernel_type=kernel,
        antialias=True,
    )
    return scaled[0]
