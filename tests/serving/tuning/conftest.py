"""A repository to tune for, and journals with something in them."""

from __future__ import annotations

import pytest

from serving.tuning.journal import Journal
from tests.serving.tuning.rounds import final, searched

SUBJECT = {
    "model": "digits",
    "version": 1,
    "cpu": "a <fast> one",
    "cpus": 2,
    "clients": 8,
    "pictures": "1:8,32:1",
    "server": "tensorflow_model_server",
}


@pytest.fixture
def journal() -> Journal:
    """A finished one, in which batching is the best."""
    rounds = [*searched(threads=1.1, batching=1.4), *final(threads=1.2, batching=1.6)]
    return Journal(SUBJECT, "2026-01-02T03:04:05+00:00", rounds, finished=True)
