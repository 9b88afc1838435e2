"""Versions in an object store, where nothing can be renamed: a version counts once its manifest is there.

A version's life there, each step one atomic write, and each able to be the last before a crash:

1. ``incomplete.json`` is created, which no second publisher can do: the number is taken. It tells what is uploaded.
2. The files are uploaded, the graph last.
3. They are listed, and ``manifest.json`` is written: the version is whole.
4. ``incomplete.json`` is deleted.

Who publishes the same SavedModel after a crash goes on with its number; another one gets the next. A removal goes the
other way: ``incomplete.json`` is written, then ``manifest.json`` deleted, then the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contract.card import ModelCard
from contract.versions import PublishError, check_name, is_name
from serving.repository import CARD
from serving.stores.bucket import Bucket
from serving.stores.source import Source, read_source
from serving.stores.store import Manifest, ManifestError

MANIFEST = "manifest.json"
INCOMPLETE = "incomplete.json"
_OURS = frozenset({MANIFEST, INCOMPLETE})
_REMOVAL = "removal"
# An upload that has not written anything for so long was killed.
_STALE = timedelta(days=1)


class ObjectStore:
    """The versions under a URL. Reads the store at every call and keeps nothing."""

    def __init__(self, bucket: Bucket) -> None:
        """`bucket` need not hold anything yet."""
        self._bucket = bucket

    @property
    def place(self) -> str:
        """The URL."""
        return self._bucket.url

    def models(self) -> list[str]:
        """The names of all models with at least one whole version, sorted."""
        return [name for name in self._bucket.folders() if is_name(name) and self._known(name)[0]]

    def versions(self, name: str) -> list[int]:
        """The whole versions of a model, ascending."""
        return self._known(check_name(name))[0]

    def incomplete(self, name: str) -> list[int]:
        """The versions that are there and not whole, ascending."""
        return self._known(check_name(name))[1]

    def where(self, name: str, version: int) -> str:
        """The URL of a version."""
        return f"{self.place}/{_path(name, version)}"

    def files(self, name: str, version: int) -> dict[str, int]:
        """Every file of a version and its size in bytes."""
        found = self._bucket.files(_path(name, version))
        return {path: one.size for path, one in sorted(found.items()) if path not in _OURS}

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of one of a version's files. Raises FileNotFoundError where there is none."""
        return self._bucket.read(_path(name, version, file))

    def manifest(self, name: str, version: int) -> Manifest | None:
        """What the files were when they were published; None if the version is not whole. Raises ManifestError."""
        try:
            return Manifest.from_json(self.read(name, version, MANIFEST))
        except FileNotFoundError:
            return None

    def card(self, name: str, version: int) -> ModelCard | None:
        """The card of a version, None where it has none. Raises CardError."""
        try:
            return ModelCard.from_json(self.read(name, version, CARD.as_posix()))
        except FileNotFoundError:
            return None

    def add(self, name: str, source: Path) -> int:
        """Uploads a SavedModel as the next version, or goes on where that was cut short, and gives its number.

        Raises:
            PublishError: `source` is no SavedModel, `name` is not a model name, or the upload was disturbed.
            CardError: The card in `source` cannot be understood.
            OSError: The store cannot be written.
        """
        check_name(name)
        model = read_source(source)
        version = self._claimed(name, model)
        self._upload(name, version, model)
        manifest, there = model.manifest(version), self.files(name, version)
        wrong = [path for path, entry in manifest.files.items() if there.get(path) != entry.size]
        # Somebody who uploads the same at the same time may have come to the end before.
        if wrong or model.fingerprint not in (self._reason(name, version), self._published(name, version)):
            raise PublishError(
                f"Expected {self.where(name, version)} to be as it was uploaded. Received: changes by somebody else "
                f"({', '.join(wrong[:3]) or INCOMPLETE}). The version is not whole and nothing uses it; publish again"
            )
        self._bucket.write(_path(name, version, MANIFEST), manifest.to_json().encode())
        self._bucket.delete([_path(name, version, INCOMPLETE)])
        return version

    def same_as_newest(self, name: str, source: Path) -> int | None:
        """The newest whole version, if it is a copy of `source` (but for the number in its card); otherwise None."""
        model = read_source(source)
        newest = max(self.versions(name), default=None)
        return newest if newest and self._published(name, newest) == model.fingerprint else None

    def remove(self, name: str, version: int) -> None:
        """Deletes a version, the manifest first: from then on nothing uses it."""
        content = json.dumps({"source": _REMOVAL}).encode()
        self._bucket.write(_path(name, version, INCOMPLETE), content)
        self._bucket.delete([_path(name, version, MANIFEST)])
        self._bucket.delete(_path(name, version, file) for file in self.files(name, version))
        self._bucket.delete([_path(name, version, INCOMPLETE)])

    def clean(self, name: str) -> list[str]:
        """Ends removals that were killed, and removes uploads of which nothing was heard for a day."""
        cleaned = []
        whole, rest = self._known(check_name(name))
        for version in sorted([*whole, *rest]):
            reason = self._reason(name, version)
            if reason == _REMOVAL or (reason and version in rest and self._stale(name, version)):
                self.remove(name, version)
                cleaned.append(self.where(name, version))
        return cleaned

    def _claimed(self, name: str, model: Source) -> int:
        """The number under which the model was being uploaded, or the next one, taken."""
        content = json.dumps({"source": model.fingerprint}).encode()
        while True:
            for version in self.incomplete(name):
                if self._reason(name, version) == model.fingerprint:
                    # Written anew so that nobody takes the upload for a stale one.
                    self._bucket.write(_path(name, version, INCOMPLETE), content)
                    return version
            version = max(self._numbers(name), default=0) + 1
            if self._bucket.create(_path(name, version, INCOMPLETE), content):
                return version

    def _upload(self, name: str, version: int, model: Source) -> None:
        there = self.files(name, version)
        for one in model.uploads(version):
            path = _path(name, version, one.path)
            if there.get(one.path) == one.entry.size:
                continue
            if isinstance(one.content, bytes):
                self._bucket.write(path, one.content)
            else:
                self._bucket.upload(one.content, path)

    def _published(self, name: str, version: int) -> str:
        """What was uploaded as a version that is whole; empty if it is not, or nobody can tell any more."""
        try:
            manifest = self.manifest(name, version)
        except ManifestError:
            return ""
        return manifest.source if manifest is not None else ""

    def _reason(self, name: str, version: int) -> str:
        """What is uploaded as a version, or that it is removed; empty if nobody says that it is incomplete."""
        try:
            return str(json.loads(self.read(name, version, INCOMPLETE)).get("source", ""))
        except FileNotFoundError:
            return ""
        except (ValueError, AttributeError):
            return "unknown"

    def _stale(self, name: str, version: int) -> bool:
        written = [one.modified for one in self._bucket.files(_path(name, version)).values() if one.modified]
        return bool(written) and max(written) < datetime.now(UTC) - _STALE

    def _known(self, name: str) -> tuple[list[int], list[int]]:
        """The versions that are whole, and those that are not."""
        files = self._bucket.files(name)
        numbers = _numbers(files)
        whole = [version for version in numbers if f"{version}/{MANIFEST}" in files]
        return whole, [version for version in numbers if version not in whole]

    def _numbers(self, name: str) -> list[int]:
        """Every version's number, whole or not, ascending."""
        return _numbers(self._bucket.files(name))


def _numbers(files: Iterable[str]) -> list[int]:
    folders = {path.partition("/")[0] for path in files if "/" in path}
    return sorted(int(one) for one in folders if one.isascii() and one.isdigit() and one == str(int(one)))


def _path(name: str, version: int, file: str = "") -> str:
    return f"{check_name(name)}/{version}" + (f"/{file}" if file else "")
