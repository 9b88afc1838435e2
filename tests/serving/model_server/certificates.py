"""Certificates for an afternoon: an authority, and keys that it vouches for."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


def authority(folder: Path, name: str) -> Pair:
    """A new authority, whose files stay in the folder for `issue`."""
    _openssl(folder, "req", "-x509", *_new_key(name), "-out", f"{name}.pem", "-subj", f"/CN={name}")
    return _read(folder, name)


def issue(folder: Path, name: str, *, by: str) -> Pair:
    """A key for ``localhost`` and its certificate, signed by an authority of the same folder."""
    _openssl(folder, "req", *_new_key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / "san.txt").write_text("subjectAltName=DNS:localhost")
    signer = ("-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-extfile", "san.txt")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.pem")
    return _read(folder, name)


def _new_key(name: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _read(folder: Path, name: str) -> Pair:
    return Pair((folder / f"{name}.key").read_bytes(), (folder / f"{name}.pem").read_bytes())
