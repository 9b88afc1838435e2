"""The README's examples for programs, run as they stand; only the ports are those of the test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.stack import Stack

README = (ROOT / "README.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, digits: list[Path]) -> Path:
    """Holds the pictures that the examples name."""
    for name, picture in (("a.png", digits[0]), ("b.jpg", digits[1])):
        shutil.copy(picture, tmp_path / name)
    return tmp_path


def example(language: str, mark: str, running: Stack) -> str:
    """The one code block of the README with this mark in it, its addresses those of the running system."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (block,) = [text for text in blocks if mark in text]
    server = running.model_server
    addresses = {"localhost:8080": running.url, "localhost:8501": server.rest, "localhost:8500": server.address}
    for shown, real in addresses.items():
        block = block.replace(shown, real)
    return block


def output(command: list[str], folder: Path) -> str:
    """What the command prints, run among the pictures."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_upload_with_curl(common_stack: Stack, folder: Path) -> None:
    answer = json.loads(output(["bash", "-c", example("sh", "images=@a.png", common_stack)], folder))
    assert [one["filename"] for one in answer["predictions"]] == ["a.png", "b.jpg"]


def test_a_file_to_the_rest_port_with_curl(common_stack: Stack, folder: Path) -> None:
    if not common_stack.model_server.rest:
        pytest.skip("the REST port of the server that VITRINE_SERVING names is not known")
    answer = json.loads(output(["bash", "-c", example("sh", "serving_bytes", common_stack)], folder))
    assert len(answer["predictions"][0]["probabilities"]) == 10


def test_the_client_in_python(common_stack: Stack, folder: Path) -> None:
    printed = output([sys.executable, "-c", example("python", "ServingClient", common_stack)], folder)
    assert all(f"'{digit}'" in printed for digit in range(10))
