"""Ordinary pictures, shown to a classifier as its training pictures were made, against pictures merely scaled.

The classifiers are nearest neighbours among the training pictures: nothing is learnt but what these look like.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from contract.card import ImageSpec
from contract.images import decode
from tests.contract.pictures import encoded
from tests.drawn import CLASSES_OF_RENDERED, CLOTHES, handwritten, product, rendered
from training.datasets import digits, fashion_mnist

OFF_WHITE = (242, 240, 236)
NEIGHBOURS_AMONG = 10_000
# Which of these a shape without details is, nobody can tell.
ALIKE = {"T-shirt or top": {"Shirt"}, "Pullover": {"Coat", "Shirt"}, "Coat": {"Pullover", "Shirt"}}


def without_steps(spec: ImageSpec) -> ImageSpec:
    return replace(spec, subject=None)


def answers(classifier: KNeighborsClassifier, files: Sequence[bytes], spec: ImageSpec) -> NDArray[np.int64]:
    arrays = np.stack([decode(data, spec) for data in files])
    found: NDArray[np.int64] = classifier.predict(arrays.reshape(len(files), -1).astype(np.float32))
    return found


def fashion_classifier(shared: Path) -> KNeighborsClassifier:
    folder = shared / "keras_home" / "datasets" / "fashion-mnist"
    images, classes = (
        np.frombuffer(gzip.decompress((folder / f"train-{name}-ubyte.gz").read_bytes()), np.uint8, offset=offset)
        for name, offset in (("images-idx3", 16), ("labels-idx1", 8))
    )
    known = images.reshape(-1, 28 * 28)[:NEIGHBOURS_AMONG].astype(np.float32)
    return KNeighborsClassifier(5).fit(known, classes[:NEIGHBOURS_AMONG].astype(np.int64))


def clothes() -> list[tuple[bytes, str]]:
    """Files and their classes: drawn ones on white and with a shadow on off-white, rendered ones on both."""
    pictures = []
    for name in CLOTHES:
        for seed, colour in enumerate([(60, 70, 110), (25, 25, 28), (190, 40, 50)]):
            plain = product(name, colour=colour, seed=seed)
            shaded = product(name, colour=colour, ground=OFF_WHITE, shadow=0.15, at=(0.45, 0.6), seed=seed)
            pictures += [(encoded(plain, "JPEG", quality=90), name), (encoded(shaded, "JPEG", quality=75), name)]
    for picture, name in CLASSES_OF_RENDERED.items():
        photo = encoded(rendered(picture, ground=OFF_WHITE), "JPEG", quality=85)
        pictures += [(encoded(rendered(picture), "WEBP", lossless=True), name), (photo, name)]
    return pictures


def right(found: NDArray[np.int64], wanted: Sequence[str]) -> float:
    """The share of right answers."""
    names = [fashion_mnist.LABELS[index] for index in found]
    return float(np.mean([name in {want, *ALIKE.get(want, ())} for name, want in zip(names, wanted, strict=True)]))


def test_product_photos_are_recognised_among_fashion_mnists_pictures_only_by_its_own_steps(shared: Path) -> None:
    classifier = fashion_classifier(shared)
    files, wanted = zip(*clothes(), strict=True)

    with_steps = right(answers(classifier, files, fashion_mnist.SPEC), wanted)
    without = right(answers(classifier, files, without_steps(fashion_mnist.SPEC)), wanted)

    assert with_steps > 0.9
    assert without < 0.3


def test_digits_written_on_paper_are_recognised_among_scanned_ones_only_by_their_steps() -> None:
    bunch = load_digits()
    classifier = KNeighborsClassifier(3).fit((bunch.data * (255 / 16)).astype(np.float32), bunch.target)
    files = [encoded(handwritten(digit, seed=10 * digit + i), "JPEG") for digit in range(10) for i in range(5)]
    wanted = np.arange(10).repeat(5)

    with_steps = float(np.mean(answers(classifier, files, digits.SPEC) == wanted))
    without = float(np.mean(answers(classifier, files, without_steps(digits.SPEC)) == wanted))

    assert with_steps > 0.75
    assert without < 0.25
