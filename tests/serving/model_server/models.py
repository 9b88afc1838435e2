"""The SavedModels of the tests: arithmetic that can be checked in the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf


def _float(name: str) -> Any:
    return tf.TensorSpec([None], tf.float32, name=name)


class HalfPlus(tf.Module):  # type: ignore[misc]  # untyped base
    """y = x / 2 + offset."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = tf.Variable(offset)

    @tf.function(input_signature=[_float("x")])  # type: ignore[untyped-decorator]
    def half_plus(self, x: Any) -> Any:
        return {"y": 0.5 * x + self.offset}


class Toolbox(HalfPlus):
    """A signature for every kind of input and output."""

    @tf.function(input_signature=[_float("a"), tf.TensorSpec([None], tf.int32, name="b")])  # type: ignore[untyped-decorator]
    def two(self, a: Any, b: Any) -> Any:
        return {"sum": a + tf.cast(b, tf.float32), "product": a * tf.cast(b, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])  # type: ignore[untyped-decorator]
    def echo(self, text: Any) -> Any:
        return {"text": tf.identity(text), "text_bytes": tf.identity(text)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="images")])  # type: ignore[untyped-decorator]
    def brightness(self, images: Any) -> Any:
        return {"mean": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2, 3])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[untyped-decorator]
    def decode(self, image_bytes: Any) -> Any:
        def height(data: Any) -> Any:
            return tf.shape(tf.io.decode_image(data, channels=3, expand_animations=False))[0]

        return {"height": tf.map_fn(height, image_bytes, fn_output_signature=tf.int32)}

    @tf.function(input_signature=[_float("x")])  # type: ignore[untyped-decorator]
    def slow(self, x: Any) -> Any:
        """About a second of work on one core."""
        square = tf.eye(100)
        for _ in tf.range(15_000):
            square = tf.matmul(square, square)
        return {"y": x + square[0, 1]}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])  # type: ignore[untyped-decorator]
    def width(self, x: Any) -> Any:
        """Tells the rows and columns of the run that a request was part of."""
        rows, columns = tf.shape(x)[0], tf.shape(x)[1]
        return {"rows": tf.fill([rows], rows), "columns": tf.fill([rows], columns), "sum": tf.reduce_sum(x, axis=1)}


def save_all(folder: Path) -> None:
    """``toolbox``, and ``half_plus_two`` to ``half_plus_four``."""
    toolbox = Toolbox(2.0)
    tf.saved_model.save(
        toolbox,
        str(folder / "toolbox"),
        signatures={
            "serving_default": toolbox.half_plus,
            "two": toolbox.two,
            "echo": toolbox.echo,
            "brightness": toolbox.brightness,
            "decode": toolbox.decode,
            "slow": toolbox.slow,
            "width": toolbox.width,
        },
    )
    for offset, name in ((2, "two"), (3, "three"), (4, "four")):
        model = HalfPlus(float(offset))
        tf.saved_model.save(model, str(folder / f"half_plus_{name}"), signatures={"serving_default": model.half_plus})
