"""A real Prometheus with our configuration, before a real gateway: it has an answer for every panel and alert."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from tests.conftest import pick_port
from tests.deployment.dashboards import ALERTS, PANELS, RULES, filled, tool
from tests.deployment.expositions import model_server_exposition
from tests.deployment.files import MONITORING
from tests.gateway.conftest import Gateway
from tests.processes import wait_until


class _Page(BaseHTTPRequestHandler):
    """Answers every GET with the same text."""

    def __init__(self, *arguments: Any, page: bytes) -> None:
        self._page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self._page)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def prometheus(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus with our configuration, but for the addresses and the pace; its URL."""
    folder = tmp_path_factory.mktemp("prometheus")
    page = partial(_Page, page=model_server_exposition().encode())
    with ThreadingHTTPServer(("127.0.0.1", 0), page) as model_server:
        Thread(target=model_server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        url = f"127.0.0.1:{pick_port()}"
        addresses = {
            "gateway:8080": gateway.url.removeprefix("http://"),
            "serving:8501": f"127.0.0.1:{model_server.server_address[1]}",
            "localhost:9090": url,
        }
        text = (MONITORING / "prometheus" / "prometheus.yml").read_text().replace("15s", "200ms")
        for ours, here in addresses.items():
            assert ours in text
            text = text.replace(ours, here)
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(RULES, folder)
        flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [tool("prometheus"), *flags, f"--web.listen-address={url}"], stderr=log, stdout=log
            ) as process,
        ):
            try:
                wait_until(lambda: bool(query(url, "count(up == 1) == 3")), what="three targets that answer")
                # A rate needs two readings.
                wait_until(lambda: bool(query(url, "rate(vitrine_answers_total[1m])")), what="two readings")
                wait_until(lambda: bool(query(url, ":tensorflow:serving:request_count offset 1s")), what="a second")
                yield url
            finally:
                process.terminate()
                model_server.shutdown()


def query(address: str, expression: str) -> list[Any]:
    """The result now; empty while Prometheus does not answer yet."""
    try:
        answer = requests.get(f"http://{address}/api/v1/query", params={"query": expression}, timeout=10)
    except requests.ConnectionError:
        return []
    if answer.status_code == requests.codes.unavailable:
        return []
    assert answer.ok, f"{expression}: {answer.text}"
    found: list[Any] = answer.json()["data"]["result"]
    return found


def test_a_real_prometheus_has_an_answer_for_every_panel(prometheus: str) -> None:
    empty = [
        f"{name}: {target['expr']}"
        for name, panel in PANELS.items()
        for target in panel["targets"]
        if not query(prometheus, filled(target["expr"]))
    ]
    assert not empty, "\n".join(empty)


def test_a_real_prometheus_evaluates_every_alert(prometheus: str) -> None:
    def rules() -> list[dict[str, Any]]:
        groups = requests.get(f"http://{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), what="an evaluation of every alert")
    assert [(rule["name"], rule["health"]) for rule in rules()] == [(alert["alert"], "ok") for alert in ALERTS]
