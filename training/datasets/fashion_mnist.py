"""Fashion-MNIST: 70,000 pictures of clothes, 28 x 28 grey. Keras downloads it once into ``KERAS_HOME``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec, SubjectSpec
from training.datasets.dataset import Dataset, Part
from training.datasets.split import stratified
from training.errors import DatasetError

# The first is "T-shirt/top" in the paper; here a slash would make it a sub-category.
LABELS = (
    "T-shirt or top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# Photos on white, trimmed, negated. A tolerance beyond the paper's 5 % spares most of a soft shadow.
SPEC = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", tolerance=0.08))


def load(seed: int) -> Dataset:
    """The official 10,000 test pictures to test; of the 60,000 others, 5,000 to watch and 55,000 to train on.

    Raises:
        DatasetError: It is not there and cannot be downloaded.
    """
    import keras

    try:
        (images, classes), (test_images, test_classes) = keras.datasets.fashion_mnist.load_data()
    # Keras raises a bare Exception for a failed download, and what numpy or gzip raise for a broken file.
    except Exception as error:
        raise DatasetError(
            f"Fashion-MNIST could not be read or downloaded ({error}). Connect to the network, or put its four .gz "
            "files into datasets/fashion-mnist/ of the folder that KERAS_HOME names (~/.keras if it names none)"
        ) from error
    rest, test = _part(images, classes), _part(test_images, test_classes)
    train, validation = stratified(rest.classes, 1 / 12, seed)
    return Dataset(
        name="fashion_mnist",
        labels=LABELS,
        spec=SPEC,
        train=rest.take(train),
        validation=rest.take(validation),
        test=test,
    )


def _part(images: NDArray[np.uint8], classes: NDArray[np.uint8]) -> Part:
    return Part(images[..., None], classes.astype(np.int64))
