"""Thumbnails are made by several threads, but not without bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract import images
from gateway.web.pictures import thumbnail
from tests.contract.pictures import encoded


class Counted:
    """The decoder, with a count of those who are in it, each of whom stays until the count is at its height."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, expected: int) -> None:
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()
        self._together = threading.Barrier(expected)
        self._decode = images.decode
        monkeypatch.setattr(images, "decode", self.decode)

    def decode(self, data: bytes, *arguments: Any, **options: Any) -> NDArray[np.uint8]:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._together.wait(30)
        pixels = self._decode(data, *arguments, **options)
        with self._lock:
            self._inside -= 1
        return pixels


def test_large_pictures_are_decoded_one_by_one_however_many_pages_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch, expected=1)
    heavy = encoded(np.zeros((4100, 4000), np.uint8))
    with ThreadPoolExecutor(4) as pages:
        shown = list(pages.map(thumbnail, [heavy] * 4))
    assert all(uri.startswith("data:image/jpeg") for uri in shown)
    assert counted.most == 1


def test_others_are_decoded_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.pictures._AT_ONCE", threading.BoundedSemaphore(2))
    counted = Counted(monkeypatch, expected=2)
    with ThreadPoolExecutor(4) as pages:
        list(pages.map(thumbnail, [encoded(np.zeros((100, 100), np.uint8))] * 4))
    assert counted.most == 2
