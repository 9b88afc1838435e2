"""CIFAR-10: 60,000 colour pictures of 32 x 32 in ten classes (Krizhevsky, 2009). Keras downloads it into KERAS_HOME."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec
from training.datasets.dataset import Dataset, Part
from training.datasets.split import stratified
from training.errors import DatasetError

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(seed: int) -> Dataset:
    """The official 10,000 test pictures to test; of the 50,000 others, 5,000 to watch and 45,000 to train on.

    Raises:
        DatasetError: It is not there and cannot be downloaded.
    """
    import keras

    try:
        (images, classes), (test_images, test_classes) = keras.datasets.cifar10.load_data()
    # Keras raises a bare Exception for a failed download, and what tarfile or pickle raise for a broken file.
    except Exception as error:
        raise DatasetError(
            f"CIFAR-10 could not be read or downloaded ({error}). Connect to the network, or put "
            "cifar-10-python.tar.gz as datasets/cifar-10-batches-py-target_archive into the folder that KERAS_HOME "
            "names (~/.keras if it names none); a folder or archive of the pictures as files can be given by its path"
        ) from error
    rest, test = _part(images, classes), _part(test_images, test_classes)
    train, validation = stratified(rest.classes, 0.1, seed)
    return Dataset(
        name="cifar10",
        labels=LABELS,
        spec=ImageSpec(32, 32, 3),
        train=rest.take(train),
        validation=rest.take(validation),
        test=test,
    )


def _part(images: NDArray[np.uint8], classes: NDArray[np.uint8]) -> Part:
    return Part(np.ascontiguousarray(images), classes.reshape(-1).astype(np.int64))
