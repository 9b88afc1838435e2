"""What Prometheus and Grafana are given: every expression asks for what is there, every alert fires when it is to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from gateway.settings.settings import Settings
from serving.model_server.monitoring_config import read_prometheus_path
from tests.conftest import ROOT
from tests.deployment.dashboards import ALERTS, DASHBOARDS, PANELS, RULES, filled, tool
from tests.deployment.expositions import OWN_METRICS, exposition, model_server_exposition, series
from tests.deployment.files import MONITORING, load, services, serving_flags
from tests.gateway.conftest import Gateway


@pytest.fixture(scope="module")
def known(gateway: Gateway) -> Mapping[str, frozenset[str]]:
    """Label names of every series that there is."""
    return {**OWN_METRICS, **series(exposition(gateway)), **series(model_server_exposition())}


def unknown(expression: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """The series and labels that an expression names and nobody exposes."""
    selected: set[str] = set()
    grouped: set[str] = set()
    wrong: list[str] = []

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            name = node.name or ""
            selected.add(name)
            matched = {matcher.name for matcher in node.matchers.matchers}
            wrong.extend(f"{name}{{{label}}}" for label in matched - known.get(name, matched))
        elif isinstance(node, promql.AggregateExpr) and node.modifier:
            grouped.update(node.modifier.labels)
        elif isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
            grouped.update(node.modifier.matching.labels)

    promql.walk(promql.parse(filled(expression)), visit)
    labels = frozenset[str]().union(*(known.get(name, frozenset()) for name in selected))
    return [*sorted(selected - set(known)), *wrong, *sorted(grouped - labels)]


@pytest.mark.parametrize("panel", PANELS.values(), ids=list(PANELS))
def test_a_panel_asks_for_what_is_exposed(panel: dict[str, Any], known: Mapping[str, frozenset[str]]) -> None:
    for target in panel["targets"]:
        assert unknown(target["expr"], known) == []
        # A legend that names a label which the expression sums away shows nothing.
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept(target["expr"])


def kept(expression: str) -> set[str]:
    """The labels by which an expression groups."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expression))))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_what_is_exposed(alert: dict[str, Any], known: Mapping[str, frozenset[str]]) -> None:
    assert unknown(alert["expr"], known) == []
    told = set(re.findall(r"\$labels\.(\w+)", str(alert["annotations"])))
    assert told <= (kept(alert["expr"]) or {"job", "instance"})


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("rate(vitrine_no_such_total[5m])", ["vitrine_no_such_total"]),
        ('vitrine_breaker_open{version="1"}', ["vitrine_breaker_open{version}"]),
        ("sum by (route) (vitrine_answers_total)", ["route"]),
        ("up / on (color) vitrine_breaker_open", ["color"]),
    ],
)
def test_what_is_not_exposed_is_found(expression: str, wrong: list[str], known: Mapping[str, frozenset[str]]) -> None:
    assert unknown(expression, known) == wrong


def test_every_figure_of_the_gateway_is_shown_somewhere(gateway: Gateway) -> None:
    asked = " ".join(target["expr"] for panel in PANELS.values() for target in panel["targets"])
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series(exposition(gateway))}
    assert {name for name in families if name not in asked} == {"vitrine_shadow_bytes", "vitrine_start_time_seconds"}


def test_alerts_say_what_is_wrong_and_what_to_do() -> None:
    runbooks = re.findall(r"^## (\w+)$", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert runbooks == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        assert alert["annotations"]["runbook"] == f"docs/alerts.md#{alert['alert'].lower()}"
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_alert_is_tried() -> None:
    tried = load(ROOT / "tests" / "deployment" / "alerts.test.yml")["tests"]
    fired = {one["alertname"] for test in tried for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


def test_alerts_fire_when_they_are_to_and_not_before() -> None:
    promtool = tool("promtool")
    for command in (["check", "rules", "--lint=all", RULES], ["test", "rules", "tests/deployment/alerts.test.yml"]):
        result = subprocess.run([promtool, *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=list(DASHBOARDS))
def test_a_dashboard_is_whole(board: dict[str, Any]) -> None:
    datasources = load(MONITORING / "grafana" / "datasources" / "prometheus.yml")["datasources"]
    named = {panel.get("datasource", {}).get("uid") for panel in board["panels"] if panel["type"] != "row"}
    assert named == {source["uid"] for source in datasources}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["description"] for panel in board["panels"] if panel["type"] != "row")
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = load(MONITORING / "grafana" / "datasources" / "prometheus.yml")["datasources"]
    (provider,) = load(MONITORING / "grafana" / "providers" / "vitrine.yml")["providers"]
    grafana = services()["grafana"]
    mounted = {mount["target"]: mount["source"] for mount in grafana["volumes"] if isinstance(mount, dict)}
    assert source["url"] == "http://prometheus:9090"
    assert mounted[provider["options"]["path"]] == "./docker/monitoring/grafana/dashboards"
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert home.stem in DASHBOARDS
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_prometheus_reads_what_the_services_expose() -> None:
    jobs = {job["job_name"]: job for job in load(MONITORING / "prometheus" / "prometheus.yml")["scrape_configs"]}
    port = Settings.from_env(services()["gateway"]["environment"]).port
    assert jobs["gateway"]["static_configs"] == [{"targets": [f"gateway:{port}"]}]
    model_server = jobs["tensorflow-serving"]
    assert model_server["static_configs"] == [{"targets": [f"serving:{serving_flags()['rest_api_port']}"]}]
    assert model_server["metrics_path"] == read_prometheus_path(MONITORING / "serving.config")


def test_the_sections_that_are_commented_out_are_right() -> None:
    text = (MONITORING / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    begin = text.index("# alerting:")
    shown = re.sub(r"^# ", "", text[begin : text.index("\n\n", begin)], flags=re.MULTILINE)
    assert yaml.safe_load(shown) == {
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]}
    }
