"""CIFAR-10 as Keras reads it off the disk: the true layout, with pictures made up."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from training import datasets
from training.errors import DatasetError

from .conftest import ENVIRONMENT, ROOT

# Keras compares the archive's SHA-256 with the official one; made-up pictures have another.
LOAD = """
import json, sys
from keras.src.datasets import cifar10
from keras.src.utils import file_utils
file_utils.validate_file = lambda *_, **__: True
from training import datasets
d = datasets.load("cifar10")
print(json.dumps({
    "parts": [len(p) for p in d.parts.values()], "shape": d.test.images.shape, "type": str(d.test.images.dtype),
    "classes": d.test.classes[:12].tolist(), "first": d.test.images[0, 0, 0].tolist(), "labels": d.labels,
    "red": bool((d.train.images[..., 0] == 7).all()), "mirror": d.mirror, "spec": d.spec.shape,
}))
"""


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote its strings: as in the official files, and all that Keras lets pass."""

    write: Callable[[bytes], None]

    def save_bytes(self, value: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)

    dispatch: ClassVar[dict[type, Callable[..., None]]] = {**pickle._Pickler.dispatch, bytes: save_bytes}


def archive(path: Path) -> None:
    """As cifar-10-python.tar.gz: pickles of rows of 3072 bytes, red then green then blue."""
    pixels = np.zeros((10_000, 3, 1024), np.uint8)
    pixels[:, 0], pixels[:, 1] = 7, 9
    batch = {b"data": pixels.reshape(10_000, 3072), b"labels": [index % 10 for index in range(10_000)]}
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(batch)
    data = buffer.getvalue()
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_cifar10_comes_from_keras_home_with_its_official_test_pictures(tmp_path: Path) -> None:
    archive(tmp_path / "datasets" / "cifar-10-batches-py-target_archive")
    environment = {**ENVIRONMENT, "KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "parts": [45_000, 5_000, 10_000],
        "shape": [10_000, 32, 32, 3],
        "type": "uint8",
        "classes": [*range(10), 0, 1],
        "first": [7, 9, 0],
        "labels": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        "red": True,
        "mirror": True,
        "spec": [32, 32, 3],
    }


def test_cifar10_that_cannot_be_downloaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")

    def fail() -> None:
        raise Exception("URL fetch failure on https://…: None -- unreachable")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fail)
    with pytest.raises(DatasetError, match=r"URL fetch failure.*put cifar-10-python\.tar\.gz as datasets/"):
        datasets.load("cifar10")
