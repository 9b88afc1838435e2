"""The one decoder: the bytes of a picture -> uint8 [height, width, channels], alike for training and gateway.

What it does, in order: reads the header and checks the pixel count before anything is decoded; takes the first frame;
scales JPEGs down while decoding (`draft`); turns 16-bit, palette, CMYK and Lab into 8-bit RGB or grey, alpha over
white; resizes (antialiased bilinear, as `tf.image.resize(..., antialias=True)`); turns by the EXIF orientation. If the
spec says how the training pictures show their subject, `contract.subject` does the last resize in its own way.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError, features

from contract import bounded, headers, png
from contract.bounded import BoundedFile
from contract.card import ImageSpec
from contract.eight_bit import to_8_bit
from contract.image_errors import CorruptImage, EmptyImage, ImageError, ImageTooLarge, UnsupportedImage
from contract.quiet import quiet_libtiff
from contract.subject import prepare, working_size

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "READABLE",
    "CorruptImage",
    "EmptyImage",
    "ImageError",
    "ImageTooLarge",
    "UnsupportedImage",
    "decode",
    "decode_if_quick",
    "is_heavy",
]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", *(("AVIF",) if features.check("avif") else ()))
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"
MAX_PIXELS = 64_000_000

_DRAFTED = {"JPEG", "MPO"}
_ORIENTATION_TAG = 0x0112
# Where Pillow looks for the orientation; a TIFF's own directory is another place.
_TELLING = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}
# Twice the wanted size keeps the antialiased result close to that of the full picture.
_DRAFT_MARGIN = 2
# The picture's and the result's together.
_QUICK_PIXELS = 8192
_QUICK_BYTES = 8192
# A WebP takes 16 bytes a pixel while it is decoded.
_HEAVY_PIXELS = 16_000_000
# Pillow warns of what it makes the best of, in words that a stranger's file has chosen: none of them goes to a log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, module=r"PIL\.")
quiet_libtiff()

_SILENT = (b"II", b"MM", b"\x89PNG", b"\xff\xd8", b"RIFF", b"BM")


def decode(data: bytes, spec: ImageSpec, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The picture as the array that the model takes.

    Args:
        data: The file's bytes, of any of `FORMATS`; the file's name and extension play no part.
        spec: Size, channels and way of resizing.
        max_pixels: Width times height above which the picture is refused before it is decoded.

    Returns:
        uint8 [spec.height, spec.width, spec.channels].

    Raises:
        ImageError: One of its four kinds, with a message that names what came and what was wanted.
    """
    if not data:
        raise EmptyImage(f"Expected {READABLE}. Received: an empty file")
    header = headers.read(data)
    _check_size(header.size, max_pixels)
    if header.scans_at:
        headers.check_scans(data, header.scans_at)
    picture = png.plain(data)
    return _by_pillow(data, spec, max_pixels) if picture is None else _to_array(picture, spec, 1)


def decode_if_quick(data: bytes, spec: ImageSpec, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8] | None:
    """As `decode` if that takes a fraction of a millisecond, whatever the bytes are; None, and no time, if it may not.

    So an event loop may ask: handing a tiny picture to a thread costs more than decoding it.
    """
    if not 0 < len(data) <= _QUICK_BYTES:
        return None
    header = headers.read(data)
    if header.size is None or header.size[0] * header.size[1] + spec.width * spec.height > _QUICK_PIXELS:
        return None
    if spec.subject is not None and header.size != (spec.width, spec.height):
        return None
    _check_size(header.size, max_pixels)
    picture = png.plain(data)
    if picture is not None:
        return _to_array(picture, spec, 1)
    return _by_pillow(data, spec, max_pixels) if header.sequential else None


def is_heavy(data: bytes) -> bool:
    """Whether `decode` may need hundreds of megabytes, so that not many at once should be decoded side by side."""
    header = headers.read(data)
    if header.size is None:
        # A TIFF or an AVIF tells its size only to its decoder.
        return data.startswith(_SILENT) or data[4:8] == b"ftyp"
    return header.size[0] * header.size[1] > _HEAVY_PIXELS and not header.sequential


def _by_pillow(data: bytes, spec: ImageSpec, max_pixels: int) -> NDArray[np.uint8]:
    bounded.check(data)
    with _open(data, max_pixels) as picture:
        try:
            if picture.format not in _DRAFTED:
                # Before EXIF is asked for: that reads a whole PNG, and a failure there would be taken for no EXIF.
                picture.load()
            return _to_array(picture, spec, _orientation(picture))
        # Pillow's plugins raise whatever a hostile file makes them stumble over: OSError, ValueError, SyntaxError, ...
        except Exception as error:
            raise CorruptImage(f"The {picture.format} picture is damaged: {_reason(error)}") from error


def _open(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    try:
        picture = Image.open(BoundedFile(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge(f"Expected at most {max_pixels:,} pixels. Received: a picture of far more") from None
    except UnidentifiedImageError:
        raise UnsupportedImage(f"Expected {READABLE}. Received: {_guess(data)}") from None
    except Exception as error:
        raise CorruptImage(f"The picture's header is damaged: {_reason(error)}") from error
    # In one piece: after each, a thread waits for the interpreter's lock.
    picture.decodermaxblock = len(data)
    try:
        _check_size(picture.size, max_pixels)
    except ImageTooLarge:
        picture.close()
        raise
    return picture


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise ImageTooLarge(
            f"Expected at most {max_pixels:,} pixels. Received: {size[0]} x {size[1]} = {size[0] * size[1]:,}"
        )


def _to_array(picture: Image.Image, spec: ImageSpec, orientation: int) -> NDArray[np.uint8]:
    if spec.subject is not None:
        upright = _upright(_working_grey(picture), orientation)
        return prepare(upright, (spec.width, spec.height), spec.subject).reshape(spec.shape)
    width, height = (spec.height, spec.width) if orientation in _SIDEWAYS else (spec.width, spec.height)
    picture.draft(None, _draft_size(picture.size, (width, height), spec.resize))
    flat = to_8_bit(picture, "L" if spec.channels == 1 else "RGB")
    upright = _upright(_fit(flat, (width, height), spec.resize), orientation)
    return np.frombuffer(upright.tobytes(), np.uint8).reshape(spec.shape)


def _working_grey(picture: Image.Image) -> Image.Image:
    size = working_size(*picture.size)
    picture.draft(None, size)
    grey = to_8_bit(picture, "L")
    return _scale(grey, size, (0, 0, *grey.size))


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else picture


def _orientation(picture: Image.Image) -> int:
    """1 to 8; a damaged EXIF block counts as none, as in every viewer."""
    if not (picture.info.keys() & _TELLING or picture.format == "TIFF"):
        return 1
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _draft_size(size: tuple[int, int], wanted: tuple[int, int], resize: str) -> tuple[int, int]:
    """What to ask of the JPEG decoder: its answer is never smaller than this in either direction."""
    (width, height), (to_width, to_height) = size, wanted
    if resize == "stretch":
        return to_width * _DRAFT_MARGIN, to_height * _DRAFT_MARGIN
    scales = to_width / width, to_height / height
    scale = (max(scales) if resize == "crop" else min(scales)) * _DRAFT_MARGIN
    return math.ceil(width * scale), math.ceil(height * scale)


def _fit(picture: Image.Image, size: tuple[int, int], resize: str) -> Image.Image:
    width, height = picture.size
    if picture.size == size:
        return picture
    if resize == "crop":
        scale = min(width / size[0], height / size[1])
        # Rounding may leave a hair less than nothing to cut off, which Pillow would refuse.
        dx, dy = max((width - size[0] * scale) / 2, 0.0), max((height - size[1] * scale) / 2, 0.0)
        return _scale(picture, size, (dx, dy, width - dx, height - dy))
    if resize == "pad":
        scale = min(size[0] / width, size[1] / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = Image.new(picture.mode, size)
        canvas.paste(
            _scale(picture, inner, (0, 0, width, height)), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
        )
        return canvas
    return _scale(picture, size, (0, 0, width, height))


def _scale(picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    return picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)


def _guess(data: bytes) -> str:
    """What the bytes seem to be, for the message."""
    head = data[:512].lstrip().lower()
    if data[4:8] == b"ftyp":
        brand = data[8:12].decode("ascii", "replace")
        return "HEIF or HEIC" if brand in {"heic", "heix", "mif1", "hevc"} else f"a media file of brand {brand!r}"
    known = {
        b"%pdf": "PDF",
        b"pk\x03\x04": "a ZIP archive",
        b"<svg": "SVG",
        b"<!doctype html": "HTML",
        b"<html": "HTML",
    }
    for magic, name in known.items():
        if head.startswith(magic):
            return name
    for name in ("PNG", "JPEG", "GIF"):
        if data.startswith({"PNG": b"\x89PNG", "JPEG": b"\xff\xd8", "GIF": b"GIF8"}[name]):
            return f"a {name} whose header cannot be read"
    try:
        data[:512].decode("utf-8")
    except UnicodeDecodeError:
        return f"{len(data):,} bytes of no picture format"
    return "text"


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
