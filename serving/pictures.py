"""Pictures to try a version with: its own samples, or, where it has none, greys and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.card import ModelCard
from contract.images import ImageError, decode
from serving.stores.store import VersionStore

SAMPLES = "assets.extra/samples/"
_MOST = 8


def pictures(store: VersionStore, name: str, version: int, card: ModelCard) -> NDArray[np.uint8]:
    """At least two pictures as a version takes them, always the same: uint8 [N, H, W, C]."""
    decoded: list[NDArray[np.uint8]] = []
    for file in sorted(file for file in store.files(name, version) if file.startswith(SAMPLES)):
        try:
            decoded.append(decode(store.read(name, version, file), card.image))
        except ImageError:
            continue  # a caption, say
        if len(decoded) == _MOST:
            break
    if len(decoded) < 2:
        noise = np.random.default_rng(0).integers(0, 256, (2, *card.image.shape), dtype=np.uint8)
        decoded += [np.zeros(card.image.shape, np.uint8), *noise]
    return np.stack(decoded)
