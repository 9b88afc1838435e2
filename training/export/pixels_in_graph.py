"""Bytes -> uint8 pixels inside the graph, for callers of the REST API that send files.

It does what `contract.images.decode` does, with TensorFlow's operations: first frame, alpha over white, the same
antialiased bilinear resize. It differs in this: the EXIF orientation is ignored; large pictures are scaled down in one
go, where Pillow takes a short cut that leaves a difference of some grey levels at sharp edges; TIFF, AVIF and RLE
bitmaps are not read; no picture is too large; and one bad picture fails the whole batch.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from contract.card import ImageSpec
from training.export.subject_in_graph import prepare

Tensor = Any


def decode_batch(image_bytes: Tensor, spec: ImageSpec) -> Tensor:
    """Files as string [N] -> pictures as uint8 [N, H, W, C]."""
    return tf.map_fn(
        lambda data: _decode(data, spec), image_bytes, fn_output_signature=tf.TensorSpec(spec.shape, tf.uint8)
    )


def _decode(data: Tensor, spec: ImageSpec) -> Tensor:
    # The accurate transform is the one that Pillow uses; `decode_image` would take the fast one.
    pixels = tf.cond(
        tf.io.is_jpeg(data),
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(data, expand_animations=False),
    )
    colours = _over_white(tf.ensure_shape(pixels, (None, None, None)))
    if spec.channels == 1:
        colours = _grey(colours)
    if spec.subject is not None:
        return prepare(colours, (spec.height, spec.width), spec.subject)
    return _resize(colours, spec)


def _over_white(pixels: Tensor) -> Tensor:
    """Uint8 [H, W, 1 to 4] (grey, grey + alpha, RGB, RGBA) -> int32 [H, W, 3]."""
    values = tf.cast(pixels, tf.int32)
    channels = tf.shape(values)[-1]
    colours = tf.gather(values, tf.where(channels >= 3, [0, 1, 2], [0, 0, 0]), axis=-1)
    alpha = tf.where(channels % 2 == 0, values[..., channels - 1 : channels], 255)
    return (colours * alpha + 255 * (255 - alpha) + 127) // 255


def _grey(colours: Tensor) -> Tensor:
    """ITU-R 601 luma, rounded as Pillow does: int32 [H, W, 3] -> int32 [H, W, 1]."""
    weighted = tf.reduce_sum(colours * [19595, 38470, 7471], axis=-1, keepdims=True)
    return (weighted + 0x8000) // 0x10000


def _resize(pixels: Tensor, spec: ImageSpec) -> Tensor:
    """Stretch, crop or pad, all as one operation: int32 [h, w, C] -> uint8 [H, W, C]."""
    size = tf.constant([spec.height, spec.width], tf.float32)
    given = tf.cast(tf.shape(pixels)[:2], tf.float32)
    scale = size / given
    if spec.resize == "crop":
        scale = tf.repeat(tf.reduce_max(scale), 2)
    offset = (size - given * scale) / 2
    if spec.resize == "pad":
        inner = tf.maximum(1.0, tf.round(given * tf.reduce_min(scale)))
        scale, offset = inner / given, (size - inner) // 2
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.cast(pixels[None], tf.float32),
        size=tf.constant([spec.height, spec.width]),
        scale=scale,
        translation=offset,
        kernel_type="triangle",
        antialias=True,
    )
    rounded = tf.cast(tf.clip_by_value(tf.round(resized[0]), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(rounded, spec.shape)
