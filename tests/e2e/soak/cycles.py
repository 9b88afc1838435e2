"""The operator: publish, canary, promote and roll back, by the real command line as a process."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract.card import ModelCard
from contract.versions import version_numbers
from tests.conftest import ROOT
from tests.e2e.soak.system import MODEL, System


@dataclass(frozen=True)
class Command:
    """A command that was run: its words, how it ended, all that it said, and when, by `time.monotonic`."""

    words: Sequence[str]
    code: int
    said: str
    began: float
    ended: float


@dataclass
class Operator:
    """Runs commands on a system.

    Attributes:
        system: The system.
        sources: SavedModels, each a good one with a mark of its own; two are used up in a cycle.
        hold_s: How long the operator looks on after each change.
        impatient: How often, from 0 to 1, a command is killed at a random moment and run again.
        chance: For those moments.
    """

    system: System
    sources: list[Path]
    hold_s: float
    impatient: float = 0.0
    chance: random.Random = field(default_factory=random.Random)
    commands: list[Command] = field(default_factory=list)
    killed: int = 0
    cycles: int = 0

    def cycle(self) -> None:
        """One cycle. An AssertionError if a command does not end with 0."""
        self.run("publish", MODEL, str(self.sources.pop(0)))
        time.sleep(self.hold_s)
        self.run("publish", MODEL, str(self.sources.pop(0)), "--copy-only")
        candidate = str(max(version_numbers(self.system.repository / MODEL)))
        if self.cycles % 2:
            self.run("shadow", MODEL, candidate, "--percent", "50")
        for percent in ("20", "50"):
            self.run("canary", MODEL, candidate, "--percent", percent)
            time.sleep(self.hold_s)
        self.run("promote", MODEL)
        time.sleep(self.hold_s)
        self.run("rollback", MODEL)
        time.sleep(self.hold_s)
        self.cycles += 1

    def run(self, *words: str) -> Command:
        """One command, to its end; perhaps killed before, and run again."""
        if self.chance.random() < self.impatient:
            self._run(words, kill_after_s=self.chance.uniform(0.3, 4.0))
        command = self._run(words)
        assert command.code == 0, f"{' '.join(command.words)} ended with {command.code}\n{command.said}"
        return command

    def _run(self, words: Sequence[str], kill_after_s: float | None = None) -> Command:
        began = time.monotonic()
        line = ["--repository", str(self.system.repository), *words, *self.system.replica_words]
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *line],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said, _ = process.communicate(timeout=kill_after_s or 300)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            self.killed += 1
        self.commands.append(Command(words, process.returncode, said, began, time.monotonic()))
        return self.commands[-1]


def mark_on_disk(repository: Path, version: int) -> int:
    """The mark of the model that lies under a version's number."""
    card = repository / MODEL / str(version) / "assets.extra" / "card.json"
    return int(ModelCard.from_json(card.read_bytes()).extra["mark"])
