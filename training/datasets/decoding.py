"""Decodes many files in parallel and gives them back in order, a few at a time, so that any number may come."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import ImageError, decode
from training.datasets.dataset import Skipped
from training.datasets.source import File, Source
from training.progress import duration

_BATCH_BYTES = 1024**2
_MAX_BATCH = 32
_WINDOW = 3
_QUIET_S = 2.0
_TERMINAL_INTERVAL_S = 0.2
_LOG_INTERVAL_S = 10.0


@dataclass(frozen=True)
class Decoded:
    """A picture.

    Attributes:
        pixels: uint8 [H, W, C], as the spec has it.
        size: Width and height in the file.
        form: The file's format, such as ``JPEG``.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    form: str


def decode_file(source: Source, file: File, spec: ImageSpec) -> Decoded | Skipped:
    """The picture in a file, through the one decoder; or why there is none."""
    try:
        data = source.read(file)
        return Decoded(decode(data, spec), *header(data))
    except (ImageError, OSError) as error:
        return Skipped(file.name, str(error))


def header(data: bytes) -> tuple[tuple[int, int], str]:
    """Width and height, and the format, of a picture that can be decoded."""
    with Image.open(io.BytesIO(data)) as picture:
        # Several JPEGs in one file, as some cameras write them: the first is what counts.
        return picture.size, "JPEG" if picture.format == "MPO" else str(picture.format)


def decode_files(
    source: Source, files: Sequence[File], spec: ImageSpec, out: TextIO | None = None
) -> Generator[Decoded | Skipped]:
    """Every file's picture, or why there is none, in the order of `files`.

    Only a few batches are decoded ahead of the reader, so memory stays small. To stop early, close the iterator.

    Args:
        source: Where the files are.
        files: Which.
        spec: What each picture becomes.
        out: Is told how far it is, if that takes longer than some seconds.
    """
    progress = _Progress(len(files), out)
    picture_bytes = spec.height * spec.width * spec.channels
    size = max(1, min(_MAX_BATCH, _BATCH_BYTES // picture_bytes))
    workers = os.cpu_count() or 1
    pending: deque[Future[list[Decoded | Skipped]]] = deque()

    def decode_batch(start: int) -> list[Decoded | Skipped]:
        return [decode_file(source, file, spec) for file in files[start : start + size]]

    # Threads, not processes: Pillow lets others run while it decodes and resizes.
    with ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, len(files), size):
                pending.append(pool.submit(decode_batch, start))
                if len(pending) >= _WINDOW * workers:
                    yield from progress.count(pending.popleft().result())
            while pending:
                yield from progress.count(pending.popleft().result())
        finally:
            for future in pending:
                future.cancel()
            progress.end()


class _Progress:
    """A line that renews itself on a terminal, lines now and then elsewhere, nothing for what is done in no time."""

    def __init__(self, total: int, out: TextIO | None) -> None:
        self._total, self._out = total, out
        self._done = 0
        self._start = time.monotonic()
        self._renews = out is not None and out.isatty()
        self._next = self._start + _QUIET_S
        self._shown = False

    def count(self, batch: list[Decoded | Skipped]) -> list[Decoded | Skipped]:
        """Counts a batch and passes it on."""
        self._done += len(batch)
        now = time.monotonic()
        if self._out is not None and now >= self._next:
            self._next = now + (_TERMINAL_INTERVAL_S if self._renews else _LOG_INTERVAL_S)
            rate = self._done / (now - self._start)
            left = duration((self._total - self._done) / rate)
            line = f"Reading pictures: {self._done:,} of {self._total:,}, {rate:,.0f}/s, {left} left"
            self._out.write(f"\r\x1b[K{line}" if self._renews else f"{line}\n")
            self._out.flush()
            self._shown = True
        return batch

    def end(self) -> None:
        """Leaves the terminal's line empty."""
        if self._out is not None and self._renews and self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
