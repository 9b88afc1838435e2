"""A SavedModel on its way into a store: its files, and what tells it from another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from contract.card import ModelCard
from serving.repository import CARD, check_saved_model, read_card
from serving.saved_model import GRAPHS
from serving.stores.store import Entry, Manifest


@dataclass(frozen=True)
class Upload:
    """A file to be put into a version: from the disk, or, where the version's number stands in it, as bytes."""

    path: str
    entry: Entry
    content: Path | bytes


@dataclass(frozen=True)
class Source:
    """A SavedModel's folder as it was when it was looked at.

    Attributes:
        folder: Where it lies.
        entries: Its files but for the card.
        card: Its card, None if it has none.
        fingerprint: The same for the same files and card, whatever number the card has.
    """

    folder: Path
    entries: dict[str, Entry]
    card: ModelCard | None
    fingerprint: str

    def uploads(self, version: int) -> list[Upload]:
        """The files under a version's number, the graph last: without it a model server finds no version there."""
        uploads = [Upload(path, entry, self.folder / path) for path, entry in self.entries.items()]
        if self.card is not None:
            content = (self.card.with_version(version).to_json() + "\n").encode()
            uploads.append(Upload(CARD.as_posix(), _entry(content), content))
        return sorted(uploads, key=lambda one: (one.path in GRAPHS, one.path))

    def manifest(self, version: int) -> Manifest:
        """What is written when they are all there."""
        return Manifest(self.fingerprint, {one.path: one.entry for one in self.uploads(version)})


def read_source(folder: Path) -> Source:
    """Looks at a SavedModel. Raises PublishError if it is none, CardError if its card cannot be understood."""
    check_saved_model(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / CARD)
    entries = {path.relative_to(folder).as_posix(): _entry_of(path) for path in paths}
    card = read_card(folder)
    facts = [f"{entry.sha256} {path}" for path, entry in entries.items()]
    facts += [replace(card, version=None).to_json()] if card is not None else []
    return Source(folder, entries, card, hashlib.sha256("\n".join(facts).encode()).hexdigest())


def _entry_of(path: Path) -> Entry:
    with path.open("rb") as file:
        return Entry(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _entry(content: bytes) -> Entry:
    return Entry(len(content), hashlib.sha256(content).hexdigest())
