"""What the flags make of a version directory."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from serving.model_server import assembly
from serving.model_server.flags import Settings
from serving.model_server.inference import warmup
from serving.model_server.inference.predict import run_directly
from serving.model_server.metrics import Metrics
from serving.model_server.session_bundle import session_bundle


@pytest.mark.parametrize("recorded", [True, False])
def test_a_warmup_is_timed_where_there_is_a_recording(saved_models: Path, tmp_path: Path, recorded: bool) -> None:
    version = tmp_path / "1"
    shutil.copytree(saved_models / "tf1_half_plus_two", version)
    if recorded:
        (version / warmup.REQUESTS).parent.mkdir(exist_ok=True)
        (version / warmup.REQUESTS).write_bytes(b"")
    settings, metrics = Settings(), Metrics()
    load = assembly.loader(session_bundle(settings), settings, run_directly, metrics)
    with closing(load("m", 1, version)):
        page = metrics.text().decode()
    assert f'load_attempt_count{{model_path="{version}",status="success"}} 1' in page
    assert ("model_warmup_latency_count{" in page) == recorded
