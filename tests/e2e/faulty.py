"""Small SavedModels with the four signatures of a version: good ones that can be told apart, and one of each fault.

A good one answers by the mean grey of the picture: the brighter, the higher the class. The probability of its top class
tells its mark, so that an answer shows which model gave it, whatever version number it is labelled with:

    python -m tests.e2e.faulty FOLDER good 1 2 3      # FOLDER/good-1, FOLDER/good-2, FOLDER/good-3
"""

from __future__ import annotations

import argparse
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from contract.card import ImageSpec, ModelCard

SIDE = 8
LABELS = tuple("0123456789")
MOST_MARKS = 390
# What the top class of mark 0 gets, and how much more each mark gives it: what a page shows of it is enough.
_TOP, _MARK = 0.6, 1e-3
# An operation that exists, and the name of one that does not, of the same length: TensorFlow reads the file, and stops.
_OPERATION, _NO_OPERATION = b"Softsign", b"Softsigm"


@dataclass(frozen=True)
class Kind:
    """How a model behaves; without anything said, well.

    Attributes:
        shift: By how many classes its answers are wrong.
        seconds: How long each call takes more, asleep.
        side: Height and width of its pictures, as its card has them.
        takes: Height and width that its graph takes, where the card is wrong; otherwise `side`.
        labels: Its classes.
        gives: How many probabilities it gives, where that is not the number of labels.
        predicting: How each call ends: well, with a code of TensorFlow's, or with what are no numbers.
        describing: Whether its card is there, and is one.
        loading: How loading it ends: well, with an operation that is unknown, with an initialiser that fails, with
            the end of the process, or with a file that breaks off.
    """

    shift: int = 0
    seconds: float = 0.0
    side: int = SIDE
    takes: int | None = None
    labels: tuple[str, ...] = LABELS
    gives: int | None = None
    predicting: Literal["well", "INVALID_ARGUMENT", "NOT_FOUND", "nan"] = "well"
    describing: Literal["well", "nonsense"] = "well"
    loading: Literal["well", "unknown operation", "initialiser", "abort", "half a file"] = "well"


KINDS: Mapping[str, Kind] = {
    "good": Kind(),
    "wrong": Kind(shift=3),
    "slow": Kind(seconds=0.4),
    "failing": Kind(predicting="INVALID_ARGUMENT"),
    "failing_not_found": Kind(predicting="NOT_FOUND"),
    "nan": Kind(predicting="nan"),
    "unknown_operation": Kind(loading="unknown operation"),
    "failing_at_load": Kind(loading="initialiser"),
    "killing_its_server": Kind(loading="abort"),
    "half_copied": Kind(loading="half a file"),
    # Its card says so: nothing is wrong with it.
    "other_size": Kind(side=2 * SIDE),
    # Its card does not say so.
    "unsaid_size": Kind(takes=2 * SIDE),
    "other_labels": Kind(labels=tuple("abcdefghij")),
    "more_labels": Kind(labels=(*LABELS, "ten", "eleven")),
    "too_few_probabilities": Kind(gives=len(LABELS) - 1),
    "without_a_card": Kind(describing="nonsense"),
}


class Library:
    """Models by kind and mark, each built when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where they come to lie."""
        self._folder = folder

    def path(self, kind: str = "good", mark: int = 1) -> Path:
        """The SavedModel of a kind; of the good ones, and those that answer, the mark tells which it is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._folder / f"{kind}-{mark}"
        if not folder.exists():
            save(folder, KINDS[kind], mark)
        return folder


def mark_of(probability: float) -> int:
    """The mark of the model that gave its top class this probability."""
    mark = round((probability - _TOP) / _MARK)
    assert 0 <= mark <= MOST_MARKS, f"no mark: {probability}"
    assert abs(_TOP + mark * _MARK - probability) < _MARK / 10, f"no mark: {probability}"
    return mark


def class_of(grey: int) -> str:
    """The class that a good model gives to a picture of one grey, 0 to 255."""
    return LABELS[grey * len(LABELS) // 256]


def save(folder: Path, kind: Kind, mark: int) -> None:
    """Writes a SavedModel with its card beside the graph. An AssertionError if there is no such mark."""
    assert 0 <= mark <= MOST_MARKS, f"Expected a mark up to {MOST_MARKS}. Received: {mark}"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    staging = folder.with_name(f".{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    card = ModelCard("digits", kind.labels, ImageSpec(kind.side, kind.side, 1), created="2026-01-02T03:04:05+00:00")
    module = tf.Module()
    if kind.loading in ("initialiser", "abort"):
        module.resource = _failing_resource(aborts=kind.loading == "abort")
    with warnings.catch_warnings():
        # TensorFlow's own, of its own savers.
        warnings.simplefilter("ignore")
        tf.saved_model.save(module, str(staging), signatures=_signatures(kind, mark, card, module))
    graph = staging / "saved_model.pb"
    if kind.loading == "unknown operation":
        graph.write_bytes(graph.read_bytes().replace(_OPERATION, _NO_OPERATION))
    if kind.loading == "half a file":
        graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    beside = staging / "assets.extra" / "card.json"
    beside.parent.mkdir()
    beside.write_text(replace(card, extra={"mark": mark}).to_json(), encoding="utf-8")
    staging.rename(folder)


def _signatures(kind: Kind, mark: int, card: ModelCard, module: Any) -> dict[str, Any]:
    import tensorflow as tf

    side = kind.takes or kind.side
    spec = tf.TensorSpec((None, None, None, 1), tf.uint8)
    strings = tf.TensorSpec((None,), tf.string)

    def probabilities(images: Any) -> Any:
        # As the layers of a network would: by an assertion that needs no check of its own.
        images = tf.reshape(images, (tf.shape(images)[0], side, side, 1))
        return _predicted(tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2, 3)), kind, mark)

    def serving_default(images: Any) -> Any:
        return {"probabilities": probabilities(images)}

    def explain(images: Any) -> Any:
        return {"probabilities": probabilities(images), "heatmaps": tf.cast(images[..., 0], tf.float32) / 255.0}

    def serving_bytes(image_bytes: Any) -> Any:
        def decoded(data: Any) -> Any:
            pixels = tf.io.decode_image(data, channels=1, expand_animations=False)
            return tf.cast(tf.image.resize(pixels, (side, side)), tf.uint8)

        images = tf.map_fn(decoded, image_bytes, fn_output_signature=tf.TensorSpec((side, side, 1), tf.uint8))
        classes = tf.tile(tf.constant([card.labels]), [tf.shape(image_bytes)[0], 1])
        return {"classes": classes, "probabilities": probabilities(images)}

    def describe(query: Any) -> Any:
        said = card.to_json() if kind.describing == "well" else "no card"
        return {"card": tf.fill(tf.shape(query), said)}

    def function(compute: Callable[[Any], Any], takes: Any) -> Any:
        return tf.function(compute, input_signature=[takes], autograph=False)

    module.functions = {
        "serving_default": function(serving_default, spec),
        "serving_bytes": function(serving_bytes, strings),
        "explain": function(explain, spec),
        "describe": function(describe, strings),
    }
    return dict(module.functions)


def _predicted(grey: Any, kind: Kind, mark: int) -> Any:
    """Float32 [N], 0 to 255 -> probabilities float32 [N, K]."""
    import tensorflow as tf

    if kind.predicting == "INVALID_ARGUMENT":
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(value=False), ["the weights do not fit"])]):
            grey = tf.identity(grey)
    if kind.predicting == "NOT_FOUND":
        grey += tf.cast(tf.strings.length(tf.io.read_file("/nowhere/weights.bin")), tf.float32)
    if kind.predicting == "nan":
        grey += tf.constant(float("nan"))
    if kind.seconds:
        grey += _slept(kind.seconds)
    count = len(kind.labels)
    bounded = tf.nn.softsign(tf.maximum(grey, 0.0)) * 0.0 + grey
    top = (tf.cast(tf.floor(bounded * len(LABELS) / 256.0), tf.int32) + kind.shift) % len(LABELS)
    share = _TOP + mark * _MARK
    rows = tf.one_hot(top, count, on_value=share, off_value=(1.0 - share) / (count - 1))
    # What is no number stays none.
    rows += tf.expand_dims(bounded * 0.0, 1)
    return rows[:, : kind.gives] if kind.gives else rows


def _slept(seconds: float) -> Any:
    """A zero that takes its time and no processor's."""
    import tensorflow as tf

    types: dict[str, Any] = {"output_types": [tf.int64], "output_shapes": [tf.TensorShape([])]}
    # Half of it before the one element, half before the end.
    micros = tf.constant(int(seconds * 1e6 / 2), tf.int64)
    start, stop, step = (tf.constant(bound, tf.int64) for bound in (0, 1, 1))
    one = tf.raw_ops.RangeDataset(start=start, stop=stop, step=step, **types)
    late = tf.raw_ops.SleepDataset(input_dataset=one, sleep_microseconds=micros, **types)
    return tf.cast(tf.raw_ops.DatasetToSingleElement(dataset=late, **types)[0], tf.float32)


def _failing_resource(*, aborts: bool) -> Any:
    """Something whose initialiser, which the server runs at loading, does not end well."""
    import tensorflow as tf

    class Failing(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]  # untyped base
        def _create_resource(self) -> Any:
            return tf.raw_ops.StackV2(max_size=1, elem_type=tf.float32)

        def _initialize(self) -> None:
            if tf.inside_function():
                # Alone, what has no output would not be run.
                ends = [tf.raw_ops.Abort(error_msg="the version ends its server")] if aborts else []
                with tf.control_dependencies(ends):
                    tf.debugging.Assert(tf.constant(value=False), ["the weights are damaged"])

    return Failing()


def main() -> None:
    """Builds models of one kind from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("marks", type=int, nargs="+")
    options = parser.parse_args()
    for mark in options.marks:
        print(Library(options.folder).path(options.kind, mark), flush=True)


if __name__ == "__main__":
    main()
