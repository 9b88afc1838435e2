"""SavedModels as TensorFlow 1 writes them: placeholders, variables, an asset, a lookup table, tf.Example parsing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

v1 = tf.compat.v1

CLASSIFY, REGRESS, PREDICT = (f"tensorflow/serving/{method}" for method in ("classify", "regress", "predict"))
ECHOED = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool", "string"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
"""The dtypes that the model ``oddities`` gives back unchanged, in a signature ``echo_…`` each."""


def example(**features: float) -> Any:
    """A ``tf.train.Example`` of numbers."""
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message


def save_all(folder: Path) -> None:
    """``tf1_half_plus_two``, the model of TensorFlow Serving's own tests, and ``oddities``."""
    _save(folder / "tf1_half_plus_two", _half_plus_two)
    _save(folder / "oddities", _oddities)


def _save(path: Path, build: Any) -> None:
    with v1.Session(graph=tf.Graph()) as session:
        signatures, start = build(path.parent)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map=signatures,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=start,
        )
        builder.save()


def _signature(method: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    infos = [
        {alias: v1.saved_model.build_tensor_info(one) for alias, one in some.items()} for some in (inputs, outputs)
    ]
    return v1.saved_model.build_signature_def(*infos, method)


def _half_plus_two(folder: Path) -> tuple[dict[str, Any], Any]:
    """Halves x and adds two (y) or three (y2), or x2 and adds three (y3)."""
    half = v1.get_variable("a", initializer=0.5)
    two, three = v1.get_variable("b", initializer=2.0), v1.get_variable("c", initializer=3.0)
    examples = v1.placeholder(tf.string, [None], "tf_example")
    features = {
        "x": tf.io.FixedLenFeature([1], tf.float32),
        "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
    }
    parsed = tf.io.parse_example(examples, features)
    x, x2 = tf.identity(parsed["x"], "x"), tf.identity(parsed["x2"], "x2")
    y, y2 = tf.identity(half * x + two, "y"), tf.identity(half * x + three, "y2")
    y3 = tf.identity(half * x2 + three, "y3")
    words, ids, start = _vocabulary(folder)
    return {
        "regress_x_to_y": _signature(REGRESS, {"inputs": examples}, {"outputs": y}),
        "regress_x_to_y2": _signature(REGRESS, {"inputs": examples}, {"outputs": y2}),
        "regress_x2_to_y3": _signature(REGRESS, {"inputs": x2}, {"outputs": y3}),
        "classify_x_to_y": _signature(CLASSIFY, {"inputs": examples}, {"scores": y}),
        "serving_default": _signature(PREDICT, {"x": x}, {"y": y}),
        "lookup": _signature(PREDICT, {"words": words}, {"ids": ids}),
    }, start


def _vocabulary(folder: Path) -> tuple[Any, Any, Any]:
    """A table from words to their lines in an asset file; -1 for others."""
    file = folder / "words.txt"
    file.write_text("zero\none\ntwo\n")
    rows = tf.lookup.TextFileInitializer(
        str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    words = v1.placeholder(tf.string, [None], "words")
    ids = tf.lookup.StaticHashTable(rows, -1).lookup(words)
    return words, ids, v1.tables_initializer()


def _oddities(folder: Path) -> tuple[dict[str, Any], Any]:
    """Signatures that a request can break on, and one to echo each dtype."""
    examples = v1.placeholder(tf.string, [None], "tf_example")
    count = tf.shape(examples)[0]
    scores = tf.tile([[0.25, 0.75]], [count, 1])
    classes = tf.tile([["no", "yes"]], [count, 1])
    value = tf.fill([count], 7.0)
    signatures = {f"echo_{name}": _echo(name) for name in ECHOED} | {"scalar": _scalar(), "defaults": _defaults()}
    for name, outputs in {
        "labels": {"classes": classes},
        "both": {"classes": classes, "scores": scores},
        "binary": {"classes": tf.fill([count, 1], b"\xff"), "scores": scores[:, :1]},
        "flat": {"scores": scores[:, 0]},
        "doubles": {"scores": tf.cast(scores, tf.float64)},
        "numbers": {"classes": scores},
        "one_row": {"scores": scores[:1]},
        "one_row_of_labels": {"classes": classes[:1]},
        "unequal": {"classes": classes, "scores": scores[:, :1]},
        "neither": {"probabilities": scores},
        "three": {"classes": classes, "scores": scores, "more": scores},
    }.items():
        signatures[f"classify_{name}"] = _signature(CLASSIFY, {"inputs": examples}, outputs)
    for name, output in {
        "flat": value,
        "wide": scores,
        "scalar": value[0],
        "one_row": value[:1],
        "doubles": tf.cast(value, tf.float64),
    }.items():
        signatures[f"regress_{name}"] = _signature(REGRESS, {"inputs": examples}, {"outputs": output})
    signatures |= {
        "classify_no_inputs": _signature(CLASSIFY, {"examples": examples}, {"scores": scores}),
        "classify_two_inputs": _signature(CLASSIFY, {"inputs": examples, "more": examples}, {"scores": scores}),
        "regress_no_inputs": _signature(REGRESS, {"examples": examples}, {"outputs": value}),
        "regress_no_outputs": _signature(REGRESS, {"inputs": examples}, {"y": value}),
        "regress_two_outputs": _signature(REGRESS, {"inputs": examples}, {"outputs": value, "more": value}),
        "native": _signature(PREDICT, {"inputs": examples}, {"scores": scores}),
        "spin": _spin(),
        "unheard_of": _signature("a/method/of/ours", {"inputs": examples}, {"scores": scores, "again": scores}),
    }
    return signatures, None


def _echo(name: str) -> Any:
    given = v1.placeholder(getattr(tf, name), None, f"given_{name}")
    return _signature(PREDICT, {"given": given}, {"given": tf.identity(given)})


def _scalar() -> Any:
    """Two scalars, by aliases whose order is the reverse of their tensors'."""
    a, b = v1.placeholder(tf.float32, [], "z_a"), v1.placeholder(tf.int32, [], "y_b")
    return _signature(PREDICT, {"a": a, "b": b}, {"sum": a + tf.cast(b, tf.float32)})


def _spin() -> Any:
    """Counts up to a number, a million in two seconds or so."""
    times = v1.placeholder(tf.int64, [], "times")
    count = tf.while_loop(lambda i: i < times, lambda i: (i + 1,), (tf.constant(0, tf.int64),))
    return _signature(PREDICT, {"times": times}, {"count": count[0]})


def _defaults() -> Any:
    """Adds b to a, or 10 if no b is sent."""
    a, b = v1.placeholder(tf.float32, [None], "default_a"), v1.placeholder(tf.float32, [], "default_b")
    signature = _signature(PREDICT, {"a": a, "b": b}, {"sum": a + b})
    signature.defaults["b"].CopyFrom(tf.make_tensor_proto(10.0))
    return signature
