"""The files of docker/monitoring, read for the tests."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.conftest import skip_unless_ci
from tests.deployment.files import MONITORING, load

RULES = MONITORING / "prometheus" / "alerts.yml"
ALERTS: list[dict[str, Any]] = [rule for group in load(RULES)["groups"] for rule in group["rules"]]
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
}
PANELS: dict[str, dict[str, Any]] = {
    f"{name}: {panel['title']}": panel
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
}
# What Grafana puts in their place.
_VARIABLES = {"$__rate_interval": "1m", "$model": ".*"}


def filled(expression: str) -> str:
    """A dashboard's expression as Prometheus gets it."""
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def tool(name: str) -> str:
    """One of Debian's package `prometheus`."""
    found = shutil.which(name)
    if found is None:
        skip_unless_ci(f"needs {name}: apt install prometheus")
    return found
