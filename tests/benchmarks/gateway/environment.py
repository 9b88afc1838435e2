"""The peers' own virtualenv, made from ``requirements/peers.txt`` when it is first needed.

Their packages are no part of the project's: BentoML for one pins OpenTelemetry.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

_LOCK = ROOT / "requirements" / "peers.txt"
_FOLDER = ROOT / ".venvs" / "peers"
_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:")


def python() -> Path | None:
    """Its interpreter; None, with the reason printed, where the packages cannot be had."""
    interpreter, stamp = _FOLDER / "bin" / "python", _FOLDER / "peers.stamp"
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return interpreter
    print(f"Installing {_LOCK.relative_to(ROOT)} into {_FOLDER.relative_to(ROOT)} (some minutes) ...", flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(_FOLDER)],
        [str(interpreter), *_INSTALL, "--require-hashes", "-r", str(_LOCK)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"No peers are measured, their packages cannot be had: {_last_line(done.stderr or done.stdout)}")
            return None
    stamp.write_text(wanted)
    return interpreter


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")
