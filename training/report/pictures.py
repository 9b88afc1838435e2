"""Pictures of a run inside the page: as data URIs, no larger than they are shown."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

# Pixels that a person is meant to see as such: enlarged by the page, not smoothed.
_TINY = 64
_ENLARGED = 256
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """A picture as the page and the slides take it.

    Attributes:
        data: The file's bytes, PNG or JPEG.
        width: Pixels.
        height: Pixels.
        kind: ``png`` or ``jpeg``.
    """

    data: bytes
    width: int
    height: int
    kind: str

    @property
    def uri(self) -> str:
        """For an ``<img>``."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode('ascii')}"

    def enlarged(self) -> bytes:
        """The file for viewers that would smooth a few large pixels: a tiny picture is enlarged by whole factors."""
        if not self.is_tiny:
            return self.data
        factor = max(1, _ENLARGED // max(self.width, self.height))
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self.data)) as picture:
            size = (self.width * factor, self.height * factor)
            picture.resize(size, Image.Resampling.NEAREST).save(buffer, "png", optimize=True)
        return buffer.getvalue()

    @property
    def is_tiny(self) -> bool:
        """Whether it is shown larger than it is."""
        return max(self.width, self.height) <= _TINY


def read_picture(folder: Path, name: str | None, side: int) -> Picture | None:
    """A picture of the run, scaled down to at most `side` pixels.

    Args:
        folder: The run's.
        name: The file's, relative to it.
        side: Width and height at most.

    Returns:
        None if there is no such file inside the folder or it is no picture: the page is written all the same.
    """
    if not name:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return None
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            flat = picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    flat.thumbnail((side, side), Image.Resampling.LANCZOS)
    kind = "png" if max(flat.size) <= _TINY else "jpeg"
    buffer = io.BytesIO()
    flat.save(buffer, kind, optimize=True, quality=_JPEG_QUALITY)
    return Picture(buffer.getvalue(), *flat.size, kind)
