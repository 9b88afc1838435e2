"""Fixtures of the page's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.conftest import png


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Three pictures, which the fake model calls 0, 5 and 9."""
    paths = []
    for name, grey in (("dark.png", 5), ("middle.png", 140), ("light.png", 250)):
        path = tmp_path / name
        path.write_bytes(png(grey, 64))
        paths.append(str(path))
    return paths
