"""A measurement on the embedded model server: real flags, a real graph, real load."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contract.messages import ModelSpec
from serving.repository import ModelRepository
from serving.tuning import requests
from serving.tuning.bench import Workbench
from serving.tuning.candidate import BASELINE, Batching, Candidate
from serving.tuning.requests import Mix
from serving.tuning.servers import Command, ServerFailed
from tests.e2e.faulty import Library

CONFIG = "model_config_list {{ config {{ name: 'digits' base_path: '{}' model_platform: 'tensorflow' }} }}"
BATCHING = Candidate(1, 2, Batching(32, 500, 2, padded=True))


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    models = tmp_path / "models" / "digits"
    shutil.copytree(Library(tmp_path / "library").path(), models / "1")
    card = ModelRepository(tmp_path / "models").card("digits", 1)
    assert card is not None
    config = tmp_path / "models.config"
    config.write_text(CONFIG.format(models))
    images = np.zeros((2, *card.image.shape), np.uint8)
    told = requests.write(tmp_path, ModelSpec("digits"), images, Mix({1: 3, 4: 1}))
    command = Command([sys.executable, "-m", "serving.model_server"], config, tmp_path, start_s=100)
    with Workbench(command, told, 4, lambda _note: None, together=2) as made:
        yield made


def test_the_model_server_is_measured_as_it_is_and_with_batching(workbench: Workbench, tmp_path: Path) -> None:
    for candidate in (BASELINE, BATCHING):
        found = workbench.measure(candidate, 0.3)

        assert (found.failed, found.error) == (0, "")
        assert 0 < found.p50_ms <= found.p99_ms
        assert found.pictures_per_s > found.requests / 0.3 / 2
    assert workbench.running() == [BASELINE, BATCHING]
    assert workbench.start_s() > 0

    # A third makes room for itself; that one's parameters the server refuses.
    with pytest.raises(ServerFailed, match="num_batch_threads must be positive"):
        workbench.measure(Candidate(1, 2, Batching(32, 0, 0)), 0.3)
    assert workbench.running() == [BATCHING]
