"""Pictures to try a model with: those that its version carries in the model repository."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from contract.versions import PublishError, check_name, samples_folder
from gateway.classify.answer import Upload
from gateway.errors import UnknownSample
from gateway.web.pictures import TINY_PX

# What a page has room for.
_MOST = 12
_NUMBER = re.compile(r"^\d+-")
_VERSION = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Sample:
    """One picture of a version.

    Attributes:
        model: Its model.
        version: Its number.
        number: The picture's own, from 0.
        path: The file.
    """

    model: str
    version: int
    number: int
    path: Path

    @property
    def key(self) -> str:
        """``<model>/<version>/<number>``, as forms name it."""
        return f"{self.model}/{self.version}/{self.number}"

    @property
    def title(self) -> str:
        """What it shows, by its name: ``3-Ankle-boot.png`` is an Ankle boot."""
        return _NUMBER.sub("", self.path.stem).replace("-", " ")

    @property
    def tiny(self) -> bool:
        """True if it is to be shown pixel by pixel."""
        try:
            with self.path.open("rb") as file:
                # A PNG begins with 16 bytes that say that it is one, then its width and height.
                width, height = struct.unpack(">16x2I", file.read(24))
        except (OSError, struct.error):
            return False
        return int(max(width, height)) < TINY_PX

    def read(self) -> Upload:
        """The picture as if it had been uploaded. Raises UnknownSample if it is gone by now."""
        try:
            return Upload(self.path.name, self.path.read_bytes())
        except OSError:
            raise UnknownSample(f"The sample {self.key} cannot be read") from None


def samples(repository: Path | None, model: str, version: int) -> list[Sample]:
    """The pictures of a version; none without a repository, or where the version has none."""
    if repository is None:
        return []
    try:
        paths = sorted(samples_folder(repository / check_name(model) / str(version)).glob("*.png"))[:_MOST]
    except (PublishError, OSError):  # No model's name, or longer than any file's.
        return []
    return [Sample(model, version, number, path) for number, path in enumerate(paths)]


def find(repository: Path | None, key: str) -> list[Sample]:
    """The picture of a key, or all of a version for ``<model>/<version>``. Raises UnknownSample if there is none."""
    model, _, rest = key.partition("/")
    version, _, number = rest.partition("/")
    if _VERSION.fullmatch(version):
        found = [one for one in samples(repository, model, int(version)) if number == "" or one.key == key]
        if found:
            return found
    raise UnknownSample(f"Expected a sample, for instance digits/1/0. Received: {key[:100]!r}")
