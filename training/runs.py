"""A run's folder, ``<runs>/<dataset>-<time>/``: what one training left behind.

``card.json`` is written last: a folder that has one is a finished run, and nothing else may be exported.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from contract.card import CardError, ModelCard
from contract.versions import write_atomically
from training.errors import RunError

LATEST = "latest"
_TIME = re.compile(r"-(\d{8}-\d{6})(?:-(\d+))?$")


@dataclass(frozen=True)
class Run:
    """The files of a run.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    @property
    def model(self) -> Path:
        """The Keras model."""
        return self.folder / "model.keras"

    @property
    def card(self) -> Path:
        """The ModelCard, which makes the run a finished one."""
        return self.folder / "card.json"

    @property
    def settings(self) -> Path:
        """What was asked for, written before the training begins."""
        return self.folder / "settings.json"

    @property
    def inspection(self) -> Path:
        """What was found in the data before the training."""
        return self.folder / "data" / "inspection.json"

    @property
    def page(self) -> Path:
        """The report for people; the same lies beside it as PDF and as slides."""
        return self.folder / "report.html"

    @property
    def checkpoint(self) -> Path:
        """The state of a training that is not finished."""
        return self.folder / "checkpoint.npz"

    @property
    def tensorboard(self) -> Path:
        """Folder of the scalars that TensorBoard shows."""
        return self.folder / "tensorboard"

    @property
    def report(self) -> Path:
        """All figures."""
        return self.folder / "report.json"

    @property
    def history(self) -> Path:
        """The figures of every epoch."""
        return self.folder / "history.json"

    @property
    def confusion_matrix(self) -> Path:
        """The confusion matrix as a picture."""
        return self.folder / "confusion_matrix.png"

    @property
    def log(self) -> Path:
        """What was printed."""
        return self.folder / "train.log"

    @property
    def samples(self) -> Path:
        """Ten test pictures, to try the model with."""
        return self.folder / "samples"

    @property
    def originals(self) -> Path:
        """A few test pictures as they came, to compare the ways of decoding; empty for datasets without files."""
        return self.folder / "originals"

    @property
    def test_images(self) -> Path:
        """uint8 [N, H, W, C] of test pictures, on which a version is checked before it is published."""
        return self.folder / "test_images.npy"

    @property
    def is_finished(self) -> bool:
        """Whether the training came to its end."""
        return self.card.is_file()

    def read_card(self) -> ModelCard:
        """The card. Raises RunError if the run is not finished or the card is damaged."""
        if not self.is_finished:
            raise RunError(
                f"{self.folder} is not a finished run: it has no card.json. Its training still goes on, or was stopped"
            )
        try:
            return ModelCard.from_json(self.card.read_text(encoding="utf-8"))
        except (CardError, UnicodeDecodeError) as error:
            raise RunError(f"{self.card} is damaged: {error}") from error

    def read_report(self) -> dict[str, Any]:
        """The report. Raises RunError if it is missing or damaged."""
        try:
            report: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.report} cannot be read: {error}") from error
        return report

    @contextmanager
    def claimed(self) -> Iterator[TextIO]:
        """The log to append to, while no other process may train this run. Raises RunError if one does."""
        with self.log.open("a", encoding="utf-8") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{self.folder} is being trained by another process") from None
            yield log

    def is_claimed(self) -> bool:
        """Whether a process is training this run now."""
        try:
            with self.claimed():
                return False
        except RunError:
            return True


def new_run(runs: Path, dataset: str, now: datetime | None = None) -> Run:
    """Makes an empty folder that no other run has.

    Args:
        runs: The folder of all runs.
        dataset: The first part of the new folder's name.
        now: The second part, UTC.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        folder = runs / (f"{dataset}-{stamp}" if number == 1 else f"{dataset}-{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return Run(folder)


def find_run(name: str, runs: Path) -> Run:
    """The run of that name or path; ``latest`` is the finished run that began last.

    Raises:
        RunError: No such run, or it is not finished.
    """
    if name == LATEST:
        return _latest(runs)
    for folder in (Path(name), runs / name):
        if folder.is_dir():
            run = Run(folder)
            run.read_card()
            return run
    raise RunError(f"Expected the folder of a run, the name of one in {runs}, or {LATEST!r}. Received: {name!r}")


def unfinished_runs(runs: Path) -> list[Run]:
    """Those that were stopped and can be resumed, the newest first."""
    found = [Run(folder) for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    stopped = [run for run in found if run.checkpoint.is_file() and not run.is_finished and not run.is_claimed()]
    return sorted(stopped, key=lambda run: _began(run.folder), reverse=True)


def find_unfinished(name: str, runs: Path) -> Run:
    """The stopped run of that name or path; ``latest`` is the one that began last.

    Raises:
        RunError: No such run, or it cannot be resumed.
    """
    if name == LATEST:
        stopped = unfinished_runs(runs)
        if not stopped:
            raise RunError(f"Expected a run in {runs} that was stopped after a checkpoint. Received: none")
        return stopped[0]
    run = next((Run(folder) for folder in (Path(name), runs / name) if folder.is_dir()), None)
    if run is None:
        raise RunError(f"Expected the folder of a run, the name of one in {runs}, or {LATEST!r}. Received: {name!r}")
    if run.is_finished:
        raise RunError(f"{run.folder} is finished: there is nothing to resume")
    if not run.checkpoint.is_file():
        raise RunError(f"{run.folder} was stopped before its first checkpoint: train anew")
    return run


def write_json(path: Path, value: object) -> None:
    """Writes JSON for people, whole or not at all."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _latest(runs: Path) -> Run:
    found = [folder for folder in runs.iterdir() if folder.is_dir()] if runs.is_dir() else []
    finished = [folder for folder in found if Run(folder).is_finished and _TIME.search(folder.name)]
    if not finished:
        rest = f"only unfinished ones ({len(found)})" if found else "none"
        raise RunError(f"Expected a finished run in {runs}. Received: {rest}. `python -m training train` makes one")
    return Run(max(finished, key=_began))


def _began(folder: Path) -> tuple[str, int]:
    match = _TIME.search(folder.name)
    return (match[1], int(match[2] or 1)) if match else ("", 0)
