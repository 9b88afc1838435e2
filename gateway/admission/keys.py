"""API keys: a file of names and keys, read again when it changes. Only names ever leave this module."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from gateway.settings.row import SettingsError

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"[!-~]{16,256}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_WANTED = "expected name:key or name:sha256:<hex digest>, the key of 16 to 256 printable characters without spaces"


class KeysError(ValueError):
    """A file of keys that cannot be used; the message names the line, and never what stands on it."""


class ApiKeys:
    """The keys of a file. A name may have several keys, so that one can be replaced without a gap."""

    def __init__(self, path: Path, *, variable: str = "VITRINE_API_KEYS_FILE") -> None:
        """Raises SettingsError if the file cannot be used."""
        self._path = path
        self._mark = _mark(path)
        try:
            self._names = read_keys(path)
        except KeysError as error:
            raise SettingsError(f"{variable}: {error}. Received: {str(path)!r}") from None

    def name_of(self, key: str) -> str | None:
        """Whose key this is, or None if it is nobody's."""
        self._refresh()
        # What is looked up is the key's hash, which nobody can steer: how long that takes tells nothing of any key.
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        return self._names.get(digest)

    def matches(self, name: str, key: str) -> bool:
        """True if it is a key of this name."""
        found = self.name_of(key)
        return found is not None and hmac.compare_digest(found.encode(), name.encode())

    def _refresh(self) -> None:
        mark = _mark(self._path)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._names = read_keys(self._path)
        except KeysError as error:
            _log.error("the API keys cannot be read again, the last good ones stay in force: %s", error)
        else:
            _log.info("%d API keys of %d names are in force", len(self._names), len(set(self._names.values())))


def read_keys(path: Path) -> Mapping[bytes, str]:
    """Names by the SHA-256 of their keys. Raises KeysError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"expected a text file that can be read, {type(error).__name__}") from None
    names: dict[bytes, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            name, digest = _entry(text, number)
            if names.setdefault(digest, name) != name:
                raise KeysError(f"line {number}: expected a key of its own for each name")
    if not names:
        raise KeysError("expected at least one line name:key")
    return names


def _entry(text: str, number: int) -> tuple[str, bytes]:
    name, _, key = text.partition(":")
    if not _NAME.fullmatch(name):
        raise KeysError(f"line {number}: {_WANTED}; the name of letters, digits, '.', '_' and '-'")
    if key.startswith("sha256:"):
        match = _DIGEST.fullmatch(key.lower())
        if match is None:
            raise KeysError(f"line {number}: expected 64 hexadecimal digits after sha256:")
        return name, bytes.fromhex(match[1])
    if not _KEY.fullmatch(key):
        raise KeysError(f"line {number}: {_WANTED}")
    return name, hashlib.sha256(key.encode()).digest()


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What differs after each change of the file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
