"""``python -m serving tune`` from end to end, on real model servers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contract.card import ImageSpec
from serving.model_server.batching.parameters import read_batching_parameters
from serving.repository import ModelRepository
from tests.conftest import ROOT
from tests.processes import wait_until
from tests.serving import saved_models
from tests.serving.conftest import Cli, command, environment

FAKE = f"{sys.executable} -m tests.serving.tuning.fake_server"
# A call alone takes 20 ms and all wait for it; batching makes them quick.
GAINING = f"{FAKE} --slow=20 --fast=2"


@pytest.fixture
def published(repository: Path, tmp_path: Path) -> Path:
    """A repository with version 1 of digits."""
    source = saved_models.write(tmp_path / "source", saved_models.card(image=ImageSpec(8, 8, 1)))
    ModelRepository(repository).add("digits", source)
    return repository


def tune(folder: Path, server: str, *more: str) -> list[str | Path]:
    """A short tuning's words."""
    fixed: list[str | Path] = [
        "tune",
        "digits",
        "--output",
        folder,
        "--server",
        server,
        "--clients",
        "4",
        "--pictures",
        "1:3,4",
    ]
    return [*fixed, "--budget", "25s", *more]


def servers_of(folder: Path) -> list[int]:
    """The processes that serve what lies in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"--model_config_file={folder}" in line and "serving.tuning.leash" not in line:
                found.append(int(process.name))
    return found


def finished(folder: Path) -> bool:
    """Whether a tuning into that folder has come to its end."""
    try:
        return bool(json.loads((folder / "measurements.json").read_text())["finished"])
    except FileNotFoundError:
        return False


def test_batching_that_helps_is_found_written_and_not_measured_twice(cli: Cli, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "found"

    done = cli(*tune(folder, GAINING))
    said = done.stdout
    # On a machine that is too busy for all of it in that time, the next run goes on where this one was.
    for _ in range(5):
        if not finished(folder):
            done = cli(*tune(folder, GAINING))
            said += done.stdout

    assert done.returncode == 0, done.stderr
    assert " left] " in said
    assert "the best are measured again" in said
    assert {file.name for file in folder.iterdir()} == {
        "batching.config",
        "flags.txt",
        "measurements.json",
        "report.html",
    }
    assert "--enable_batching=true" in (folder / "flags.txt").read_text().splitlines()
    assert read_batching_parameters(folder / "batching.config").max_batch_size >= 32
    assert "<svg" in (folder / "report.html").read_text()
    assert not servers_of(folder)
    assert finished(folder)
    assert json.loads((folder / "measurements.json").read_text())["subject"]["server_version"] == "fake 1"

    again = cli(*tune(folder, GAINING))
    assert again.returncode == 0
    assert "these figures are used" in again.stdout
    assert " left] " not in again.stdout
    assert again.stdout.splitlines()[-2] == done.stdout.splitlines()[-2]

    programs = cli(*tune(folder, GAINING, "--json"))
    assert json.loads(programs.stdout)["candidate"]["batching"]["size"] >= 32


def test_measurements_of_something_else_are_not_used(cli: Cli, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    (folder / "measurements.json").write_text("{}")
    broken = cli(*tune(folder, f"{FAKE} --ends-with=port"))
    assert "Earlier measurements are not used: Expected measurements" in broken.stdout

    assert broken.returncode == 1
    assert "--port is more than this server can bear" in broken.stderr
    assert {file.name for file in folder.iterdir()} == {"measurements.json"}


def test_a_tuning_that_is_interrupted_ends_its_servers_and_goes_on_later(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    words = command("--repository", published, *tune(folder, f"{FAKE} --slow=2 --fast=2", "--budget", "40s"))

    running = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: running.poll() is not None or _rounds(folder) >= 2, what="two rounds")
        running.send_signal(signal.SIGINT)
        said, errors = running.communicate(timeout=30)
    finally:
        running.kill()

    assert running.returncode == 130, errors
    assert "interrupted" in errors
    assert "To go on: the same command" in said
    assert not servers_of(folder)
    assert "Not finished" in (folder / "report.html").read_text()
    assert not list(folder.glob(".servers-*"))
    rounds = _rounds(folder)

    resumed = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert resumed.stdout is not None
        assert f"{rounds} rounds: these figures are used" in resumed.stdout.readline()
        wait_until(lambda: resumed.poll() is not None or _rounds(folder) > rounds, what="another round")
        assert servers_of(folder)
        # Nothing can be tidied up now; yet the servers end.
        resumed.kill()
        resumed.communicate(timeout=30)
    finally:
        resumed.kill()
    wait_until(lambda: not servers_of(folder), what="the end of the servers")
    assert _rounds(folder) > rounds


def _rounds(folder: Path) -> int:
    try:
        return len(json.loads((folder / "measurements.json").read_text())["rounds"])
    except OSError:
        return 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--budget", "0"], "a time above 0"),
        (["--clients", "65"], "at most 64"),
        (["--clients", "1.5"], "a whole number"),
        (["--pictures", "0"], "sizes and weights"),
        (["--server", ""], "expected a command"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, published: Path, words: list[str], reason: str) -> None:
    done = cli("tune", "digits", *words)
    assert done.returncode == 2
    assert reason.casefold() in done.stderr.casefold()


def test_a_version_that_is_not_there_is_refused(cli: Cli, published: Path) -> None:
    assert "Expected a version of digits" in cli("tune", "digits", "7").stderr
    assert "Expected a " in cli("tune", "letters").stderr


def test_the_help_states_the_rule(cli: Cli) -> None:
    said = " ".join(cli("tune", "--help").stdout.split())
    assert "The highest throughput whose p99 stays within --max-p99-ms" in said
