"""What pictures in files become: as asked for, and where nothing is asked for, as fits them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from contract.card import ImageSpec, Resize
from contract.images import ImageError, decode
from training.datasets.decoding import header
from training.datasets.source import File, Source

DEFAULT_SPEC = ImageSpec(96, 96, 3)
_LOOKED_AT = 500
_SMALLEST = ImageSpec(1, 1, 1)


@dataclass(frozen=True)
class PartialSpec:
    """An ImageSpec of which only some is asked for; None leaves it to the pictures."""

    height: int | None = None
    width: int | None = None
    channels: int | None = None
    resize: Resize | None = None

    def over(self, default: ImageSpec) -> ImageSpec:
        """The whole spec."""
        return ImageSpec(
            self.height or default.height,
            self.width or default.width,
            self.channels or default.channels,
            self.resize or default.resize,
        )


def choose_spec(
    wanted: ImageSpec | PartialSpec, source: Source, files: tuple[File, ...]
) -> tuple[ImageSpec, tuple[str, ...]]:
    """What the pictures become, and what a person should know of the choice.

    Pictures that all have the same size, none larger than `DEFAULT_SPEC`, keep it.
    """
    if isinstance(wanted, ImageSpec):
        return wanted, ()
    if wanted.height and wanted.width:
        return wanted.over(DEFAULT_SPEC), ()
    size = _common_size(source, files)
    if size is None:
        return wanted.over(DEFAULT_SPEC), ()
    width, height = size
    spec = wanted.over(ImageSpec(height, width, DEFAULT_SPEC.channels))
    return spec, (f"The pictures are {width}x{height} in their files, and so for the model (--image-size changes it)",)


def describe(wanted: ImageSpec | PartialSpec) -> dict[str, object]:
    """What is asked for, as plain values."""
    return asdict(wanted)


def _common_size(source: Source, files: tuple[File, ...]) -> tuple[int, int] | None:
    """Width and height that pictures from all over the dataset share, if they are small."""
    step = max(1, len(files) // _LOOKED_AT)
    found: tuple[int, int] | None = None
    for file in files[::step]:
        size = _size(source, file)
        if size is None:
            continue
        if size != (found or size) or max(size) > max(DEFAULT_SPEC.shape):
            return None
        found = size
    return found


def _size(source: Source, file: File) -> tuple[int, int] | None:
    try:
        data = source.read(file)
        decode(data, _SMALLEST)
        return header(data)[0]
    except (ImageError, OSError):
        return None
