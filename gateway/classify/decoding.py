"""Uploaded bytes -> arrays: tiny pictures at once, all others in threads, each bad file with its own reason."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from contract import images
from contract.card import ImageSpec
from gateway.classify.answer import Refusal, Upload
from gateway.settings.cores import usable
from gateway.settings.settings import Settings

TOO_LARGE = "file_too_large"
# Held by whoever decodes what may take hundreds of megabytes: in each process one at a time.
HEAVY = threading.Lock()
Decoded = NDArray[np.uint8] | Refusal


class Decoder:
    """Decodes uploads within the limits of the settings, for one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Pillow releases the interpreter lock while it works, so threads decode side by side.
        self._threads = ThreadPoolExecutor(settings.decode_threads or usable(), thread_name_prefix="decode")
        # What may take hundreds of megabytes is decoded one after the other, and in nobody's way.
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="decode-heavy")
        self._under_way = 0

    @property
    def busy(self) -> bool:
        """True while a thread decodes, or is about to."""
        return self._under_way > 0

    def begin(self, upload: Upload, spec: ImageSpec) -> Decoded | asyncio.Future[Decoded]:
        """The upload as uint8 [spec.height, spec.width, spec.channels], or the reason why it is none.

        A tiny picture costs less than handing it to a thread, and is done at once. Others are a future; one that is
        cancelled before a thread has taken it up is never decoded.
        """
        size, limit = len(upload.data), self._settings.max_file_bytes
        if size > limit:
            return Refusal(TOO_LARGE, f"Expected at most {limit:,} bytes. Received: {size:,}")
        try:
            array = images.decode_if_quick(upload.data, spec, max_pixels=self._settings.max_pixels)
            if array is not None:
                return array
            heavy = images.is_heavy(upload.data)
        except images.ImageError as error:
            return Refusal(error.code, str(error))
        threads, decode = (self._heavy, self._decode_heavy) if heavy else (self._threads, self._decode)
        decoding = asyncio.get_running_loop().run_in_executor(threads, decode, upload.data, spec)
        self._under_way += 1
        decoding.add_done_callback(self._done)
        return decoding

    def close(self) -> None:
        """Ends the threads; what waits for them is not decoded any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._heavy.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: asyncio.Future[Decoded]) -> None:
        self._under_way -= 1

    def _decode_heavy(self, data: bytes, spec: ImageSpec) -> Decoded:
        with HEAVY:
            return self._decode(data, spec)

    def _decode(self, data: bytes, spec: ImageSpec) -> Decoded:
        try:
            return images.decode(data, spec, max_pixels=self._settings.max_pixels)
        except images.ImageError as error:
            return Refusal(error.code, str(error))
