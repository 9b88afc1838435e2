"""scikit-learn's digits: 1,797 handwritten digits of 8 x 8 pixels that come with the package: no download."""

from __future__ import annotations

import numpy as np

from contract.card import ImageSpec, SubjectSpec
from training.datasets.dataset import Dataset, Part
from training.datasets.split import stratified

# Ink on paper, scanned as black or white, so that only what is dark enough counts; then trimmed, scaled and inverted.
SPEC = ImageSpec(8, 8, 1, subject=SubjectSpec("dark", tolerance=0.35))


def load(seed: int) -> Dataset:
    """The digits: 64 % to train on, 16 % to watch, 20 % to test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # Grey values come as 0..16; a picture file has 0..255.
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    everything = Part(images, bunch.target.astype(np.int64))
    kept, test = stratified(everything.classes, 0.2, seed)
    rest = everything.take(kept)
    train, validation = stratified(rest.classes, 0.2, seed)
    return Dataset(
        name="digits",
        labels=tuple(str(digit) for digit in bunch.target_names),
        spec=SPEC,
        train=rest.take(train),
        validation=rest.take(validation),
        test=everything.take(test),
        mirror=False,
    )
