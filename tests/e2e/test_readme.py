"""The examples of the README and of the gateway's page, run as they stand; only the ports are those of the test."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.api.options import OPTION_NAMES
from tests.conftest import ROOT
from tests.e2e.stack import Stack, stack

README = (ROOT / "README.md").read_text()
GATEWAY = (ROOT / "docs" / "gateway.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, digits: list[Path]) -> Path:
    """Holds the pictures that the examples name."""
    for name, picture in (("a.png", digits[0]), ("b.jpg", digits[1])):
        shutil.copy(picture, tmp_path / name)
    return tmp_path


def example(language: str, mark: str, running: Stack, text: str = README) -> str:
    """The one code block with this mark in it, its addresses those of the running system."""
    block = block_of(language, mark, text)
    server = running.model_server
    addresses = {"localhost:8080": running.url, "localhost:8501": server.rest, "localhost:8500": server.address}
    for shown, real in addresses.items():
        block = block.replace(shown, real)
    return block


def block_of(language: str, mark: str, text: str = README) -> str:
    """The one code block with this mark in it."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    (block,) = [found for found in blocks if mark in found]
    return block


def output(command: list[str], folder: Path) -> str:
    """What the command prints, run among the pictures."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_upload_with_curl(common_stack: Stack, folder: Path) -> None:
    answer = json.loads(output(["bash", "-c", example("sh", "curl -F images=@a.png", common_stack)], folder))
    assert [one["filename"] for one in answer["predictions"]] == ["a.png", "b.jpg"]
    shown = json.loads(block_of("json", "predictions"))
    assert answer.keys() == shown.keys()
    assert answer["timing_ms"].keys() == shown["timing_ms"].keys()
    assert answer["predictions"][0].keys() == shown["predictions"][0].keys()


def test_a_table_lines_and_pictures_in_json_with_curl(common_stack: Stack, folder: Path) -> None:
    printed = output(["bash", "-e", "-c", example("sh", "format=csv", common_stack)], folder)
    with (folder / "answers.csv").open(newline="") as table:
        assert [row["filename"] for row in csv.DictReader(table)] == ["a.png", "b.jpg"]
    who, first, second, end, whole = map(json.loads, printed.splitlines())
    assert who["model"]["name"] == "digits"
    assert [first["filename"], second["filename"]] == ["a.png", "b.jpg"]
    assert end["predictions"] == 2
    assert len(whole["predictions"][0]["probabilities"]) == 3


def test_every_option_of_the_api_is_listed() -> None:
    first_cells = " ".join(re.findall(r"^\| (`[^|]*) \|", README, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", first_cells)) == sorted(OPTION_NAMES)


def test_a_file_to_the_rest_port_with_curl(common_stack: Stack, folder: Path) -> None:
    if not common_stack.model_server.rest:
        pytest.skip("the REST port of the server that VITRINE_SERVING names is not known")
    answer = json.loads(output(["bash", "-c", example("sh", "serving_bytes", common_stack)], folder))
    assert len(answer["predictions"][0]["probabilities"]) == 10


def test_the_client_in_python(common_stack: Stack, folder: Path) -> None:
    printed = output([sys.executable, "-c", example("python", "ServingClient", common_stack)], folder)
    assert all(f"'{digit}'" in printed for digit in range(10))


def test_an_operators_keys_limits_and_proxies(common_stack: Stack, folder: Path) -> None:
    (start,) = re.findall(r"^(VITRINE_\S+=.*) \S+ -m gateway$", block_of("sh", "VITRINE_RATE_LIMIT"), re.MULTILINE)
    settings = dict(setting.split("=") for setting in start.split())
    make_key, _, ask = example("sh", "secrets.token_urlsafe", common_stack, GATEWAY).splitlines()
    output(["bash", "-c", make_key], folder)
    keys = folder / settings["VITRINE_API_KEYS_FILE"]
    with stack(
        common_stack.model_server, common_stack.repository, folder, **settings | {"VITRINE_API_KEYS_FILE": str(keys)}
    ) as own:
        assert own.classify(folder / "a.png").status_code == 401
        key = keys.read_text().strip().removeprefix("alice:")
        answer = output(["bash", "-c", f"KEY={key}\n{ask.replace(common_stack.url, own.url)}"], folder)
        assert len(json.loads(answer)["predictions"]) == 1
