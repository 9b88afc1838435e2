"""Fixtures of the deployment's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployment.expositions import busy_gateway
from tests.gateway.conftest import Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that has met whatever it counts."""
    with busy_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running
