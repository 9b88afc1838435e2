"""docs/gateway.md tells of every metric and every error code; nothing checks what it says of them but its readers."""

from __future__ import annotations

import re

import pytest

from contract.image_errors import ImageError
from gateway.api.json_body import BAD_BASE64, BAD_ENTRY
from gateway.classify.decoding import TOO_LARGE
from gateway.errors import BUG, OUTCOMES
from gateway.observe.metrics import Metrics
from gateway.observe.shadows import ShadowMetrics
from gateway.observe.trails import TrailMetrics
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")


def test_every_metric_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    told = re.findall(r"^\| `(vitrine_\w+)", PAGE, re.MULTILINE)
    metrics = Metrics()
    TrailMetrics(metrics)
    ShadowMetrics(metrics)
    exposed = re.findall(r"^# TYPE (vitrine_\w+) ", metrics.exposition().decode(), re.MULTILINE)
    # The library's own metrics of when each of them was made are nobody's business.
    assert sorted(told) == sorted(name for name in exposed if not name.endswith("_created"))


def test_every_error_code_stands_beside_its_status() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d{3}) \| ([^|]+) \|", PAGE, re.MULTILINE)
    told = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert {(outcome.status, outcome.code) for outcome in (*OUTCOMES.values(), BUG)} <= told


def test_every_reason_against_one_picture_is_described() -> None:
    codes = {kind.code for kind in ImageError.__subclasses__()} | {TOO_LARGE, BAD_BASE64, BAD_ENTRY}
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
