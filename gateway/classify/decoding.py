"""Uploaded bytes -> arrays, several pictures side by side, each bad file with its own reason."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract import images
from contract.card import ImageSpec
from gateway.settings.settings import Settings

TOO_LARGE = "file_too_large"


@dataclass(frozen=True)
class Upload:
    """A file as it came."""

    filename: str
    data: bytes


@dataclass(frozen=True)
class Refusal:
    """Why a file has no prediction: a stable code for programs, a message for people."""

    code: str
    message: str


Decoded = NDArray[np.uint8] | Refusal


class Decoder:
    """Decodes uploads within the limits of the settings. Thread-safe."""

    def __init__(self, settings: Settings, threads: Executor) -> None:
        """`threads` decodes several pictures at once: Pillow releases the interpreter lock while it works."""
        self._settings = settings
        self._threads = threads

    def decode(self, uploads: Sequence[Upload], spec: ImageSpec) -> list[Decoded]:
        """Each upload, in order, as uint8 [spec.height, spec.width, spec.channels] or the reason why it is none."""
        if len(uploads) == 1:
            return [self._one(uploads[0], spec)]
        return list(self._threads.map(self._one, uploads, [spec] * len(uploads)))

    def _one(self, upload: Upload, spec: ImageSpec) -> Decoded:
        size, limit = len(upload.data), self._settings.max_file_bytes
        if size > limit:
            return Refusal(TOO_LARGE, f"Expected at most {limit:,} bytes. Received: {size:,}")
        try:
            return images.decode(upload.data, spec, max_pixels=self._settings.max_pixels)
        except images.ImageError as error:
            return Refusal(error.code, str(error))
