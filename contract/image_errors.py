"""Why bytes do not become a picture.

ImageError
|-- EmptyImage         no bytes at all
|-- UnsupportedImage   not a picture, or of a format that is not read
|-- CorruptImage       a picture of a known format that breaks off or contradicts itself
`-- ImageTooLarge      more pixels than allowed
"""

from __future__ import annotations

from typing import ClassVar


class ImageError(ValueError):
    """Bytes that do not become a picture. `code` is stable, for programs; the message is for people."""

    code: ClassVar[str] = "bad_image"


class EmptyImage(ImageError):
    """A file of no bytes."""

    code = "empty_image"


class UnsupportedImage(ImageError):
    """Not a picture, or of a format that is not read."""

    code = "unsupported_image"


class CorruptImage(ImageError):
    """A picture of a known format that breaks off or contradicts itself."""

    code = "corrupt_image"


class ImageTooLarge(ImageError):
    """More pixels than allowed, by the header: nothing was decoded."""

    code = "image_too_large"
