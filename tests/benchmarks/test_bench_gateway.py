"""The benchmark of the gateway, a glance of it, from end to end."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from tests.e2e.stack import run


def test_quick_run_without_peers_measures_vitrine_its_model_server_and_the_floor(
    tmp_path: Path, bench_models: Path
) -> None:
    figures = tmp_path / "figures.json"
    options = ["--quick", "--peers", "none", "--cases", "small-8", "--json", str(figures)]
    printed = run("tests.benchmarks.bench_gateway", *options, "--repository", str(bench_models))

    assert re.search(r"^small-8: 28 x 28 PNG, 8 a request, 8 clients, small_cnn$", printed, re.MULTILINE)
    rows = re.findall(r"^(Vitrine|gRPC alone, same batches|decode \+ forward alone) +([\d,]+) ", printed, re.MULTILINE)
    assert [name for name, _ in rows] == ["Vitrine", "gRPC alone, same batches", "decode + forward alone"]
    assert re.search(r"^small-8 +- +1\.25 +[\d.]+ +[\d.]+$", printed, re.MULTILINE)

    vitrine, direct, floor = json.loads(figures.read_text())
    assert [one["contender"] for one in (vitrine, direct, floor)] == ["vitrine", "direct", "floor"]
    assert vitrine["failures"] == {}
    assert all(vitrine[figure] > 0 for figure in ("rate", "p50_ms", "cpu_s", "pss_mb", "start_s", "generator"))
    assert vitrine["pss_mb"] <= vitrine["rss_mb"]
    assert math.isnan(floor["p50_ms"])
