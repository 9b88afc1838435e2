"""The benchmark of the model server, a glance of it, from end to end."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.stack import run


def test_quick_run_measures_every_combination_with_the_real_server(bench_models: Path) -> None:
    printed = run("tests.benchmarks.bench_model_server", "--quick", "--repository", str(bench_models))
    assert re.search(r"^small_cnn: first answer after [\d.]+ s, \d+ MB$", printed, re.MULTILINE)
    rows = re.findall(r"^(\d+ x \d+) +(\d+) +([\d.]+) +([\d.]+)", printed, re.MULTILINE)
    assert [row[0] for row in rows] == ["1 x 1", "1 x 8", "32 x 1", "32 x 8"]
    assert all(int(rate) > 0 and 0 < float(p50) <= float(p99) for _, rate, p50, p99 in rows)
    assert (bench_models / "small_cnn" / "1" / "saved_model.pb").is_file()
    assert (bench_models / "models.config").is_file()
