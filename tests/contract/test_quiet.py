"""A broken TIFF is refused, and nothing more is said of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from tests.conftest import ROOT
from tests.contract.pictures import encoded

DECODE = """
import sys
from contract.card import ImageSpec
from contract.images import CorruptImage, decode
try:
    decode(sys.stdin.buffer.read(), ImageSpec(8, 8, 1))
except CorruptImage:
    print("refused")
"""


def test_libtiff_prints_nothing_about_a_broken_picture() -> None:
    broken = bytearray(
        encoded(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8), "TIFF", compression="tiff_lzw")
    )
    broken[100:2000] = bytes(1900)
    done = subprocess.run(
        [sys.executable, "-c", DECODE], input=bytes(broken), cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == (b"refused", b"")
