"""Checks a version where it lies: whole, with the four signatures, and with a card that agrees with them.

What can be known without running it. `serving.verify_served` asks the model servers that have it loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from contract import wire_pb2 as wire
from contract.card import CardError, ModelCard
from serving import saved_model, warmup
from serving.saved_model import Files, Read, SavedModelError
from serving.signatures import SIGNATURES, faults
from serving.stores.store import ManifestError, VersionStore

CARD = "assets.extra/card.json"


@dataclass(frozen=True)
class Finding:
    """One check of a version: what was looked at, whether it is as it should be, and what was found."""

    check: str
    ok: bool
    reason: str = ""

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "failed"
        return f"{verdict:<7} {self.check}" + (f": {self.reason}" if self.reason else "")


def verify_on_disk(store: VersionStore, name: str, version: int, *, checksums: bool = False) -> list[Finding]:
    """Every check of a version's files; without a readable graph there is nothing more to check than that.

    Args:
        store: Where the version lies.
        name: The model.
        version: Its number.
        checksums: Read every file to compare it with what was published, where that is recorded, and not sizes alone.

    Raises:
        OSError: The files cannot be read at all.
    """
    files = store.files(name, version)

    def read(file: str) -> bytes:
        return store.read(name, version, file)

    return [*_published(store, name, version, files, read if checksums else None), *_findings(files, read)]


def verify_folder(folder: Path) -> list[Finding]:
    """The same for a SavedModel that lies anywhere. Raises OSError."""
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return list(_findings(files, lambda file: (folder / file).read_bytes()))


def _published(store: VersionStore, name: str, version: int, files: Files, read: Read | None) -> Iterator[Finding]:
    """Whether the files are those that were published, as far as the store knows."""
    try:
        manifest = store.manifest(name, version)
    except ManifestError as error:
        yield Finding("files", False, str(error))
        return
    if manifest is None:
        if version in store.incomplete(name):
            yield Finding("files", False, "not whole: an upload under way, or one that was cut short")
        return
    wrong = [path for path, entry in manifest.files.items() if files.get(path) != entry.size]
    if read is not None:
        same = [(path, entry) for path, entry in manifest.files.items() if path not in wrong]
        wrong += [path for path, entry in same if sha256(read(path)).hexdigest() != entry.sha256]
    wrong += sorted(files.keys() - manifest.files.keys())
    told = f"not as they were published: {', '.join(wrong)}" if wrong else f"{len(files)}, as they were published"
    yield Finding("files", not wrong, told)


def _findings(files: Files, read: Read) -> Iterator[Finding]:
    try:
        model = saved_model.read_saved_model(files, read)
    except SavedModelError as error:
        yield Finding("graph", False, str(error))
        return
    yield Finding("graph", True, f"{sum(files.values())} bytes in {len(files)} files")
    yield _checked("variables", lambda: saved_model.check_variables(model, files, read))
    yield _checked("assets", lambda: saved_model.check_assets(model, files))
    card, finding = _card(files, read)
    yield finding
    for signature in SIGNATURES:
        yield signature_finding(signature, model.signatures, card)
    yield _checked("warm-up", lambda: warmup.check(files, read))


def signature_finding(signature: str, found: Mapping[str, wire.SignatureDef], card: ModelCard | None) -> Finding:
    """Whether one of the four signatures is there and as the card says."""
    wrong = faults(signature, found, card)
    return Finding(f"signature {signature}", not wrong, "; ".join(wrong))


def _checked(check: str, run: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, run())
    except (SavedModelError, warmup.WarmupError) as error:
        return Finding(check, False, str(error))


def _card(files: Files, read: Read) -> tuple[ModelCard | None, Finding]:
    if CARD not in files:
        # The graph has one of its own, which is the one that counts; lists show nothing of this version.
        return None, Finding("card", True, f"no {CARD}")
    try:
        card = ModelCard.from_json(read(CARD))
    except CardError as error:
        return None, Finding("card", False, str(error))
    height, width, channels = card.image.shape
    return card, Finding("card", True, f"{len(card.labels)} labels, pictures of {height} x {width} x {channels}")
