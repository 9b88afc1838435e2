"""What the benchmarks' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bench_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the benchmarks keep their models: whoever comes first writes them."""
    return tmp_path_factory.mktemp("bench_models")
