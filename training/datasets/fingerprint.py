"""What tells whether a dataset is still the one that it was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from training.datasets.dataset import Dataset


def fingerprint(dataset: Dataset) -> str:
    """Changes with labels, pictures, their order and the split: 32 hexadecimal digits.

    Pictures in files were hashed when they were decoded; those in memory are hashed here, at about 1 GB/s.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([dataset.labels, asdict(dataset.spec)]).encode())
    for part in dataset.parts.values():
        digest.update(json.dumps([len(part), part.files]).encode())
        digest.update(part.classes.tobytes())
    if dataset.digest:
        digest.update(dataset.digest.encode())
    else:
        for part in dataset.parts.values():
            digest.update(part.images.tobytes())
    return digest.hexdigest()
