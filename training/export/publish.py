"""Publishes a finished run as the next version of a model: written aside, checked as served, then renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from contract.card import ModelCard
from contract.versions import PublishError, publishing, samples_folder, version_numbers
from training.export import signatures
from training.export.gate import MARGIN, Gate, judge
from training.export.live import fingerprint, live_version
from training.export.trained import load_trained
from training.export.verify import Checks, as_files, verify
from training.export.warmup import write_warmup
from training.networks import KerasModel
from training.predict import predict
from training.runs import Run, write_json

Save = Callable[[KerasModel, ModelCard, Path], None]


@dataclass(frozen=True)
class Published:
    """A version in the repository, or one that would be there but for the dry run.

    Attributes:
        folder: ``<repository>/<name>/<version>``.
        card: With its version.
        gate: How it compares with the version that was live.
        checks: What was compared before.
        size_bytes: Of ``saved_model.pb``, which holds the weights.
    """

    folder: Path
    card: ModelCard
    gate: Gate
    checks: Checks
    size_bytes: int


def export(
    run: Run,
    repository: Path,
    name: str,
    *,
    margin: float = MARGIN,
    force: bool = False,
    dry_run: bool = False,
    save: Save = signatures.save,
) -> Published:
    """Exports the run's model, checks it, compares it with the live version, and publishes it.

    Args:
        run: A finished run.
        repository: The model repository; made if missing.
        name: The model's name in it.
        margin: By how much its accuracy and macro F1 may be below those of the live version.
        force: Publishes it even if the gate says no.
        dry_run: Does everything but publish it, also if the gate says no.
        save: Writes the SavedModel.

    Raises:
        RunError: The run is unfinished or damaged.
        PublishError: The exported model does not answer as the Keras model does, it is worse than the live version or
            cannot be compared with it, or the name is no model name.
    """
    if keras.backend.backend() != "tensorflow":
        raise PublishError(
            f"Expected Keras to run on TensorFlow for a SavedModel: KERAS_BACKEND=tensorflow. Received: "
            f"{keras.backend.backend()}"
        )
    trained_card, report = run.read_card(), run.read_report()
    model, images = load_trained(run)
    gate = judge(run, model, live_version(repository, name), margin=margin)
    if not gate.passed and not force and not dry_run:
        raise PublishError(f"{gate.sentence}. Nothing was published; --force publishes it all the same")
    gate = replace(gate, forced=force and not gate.passed)
    expected = predict(model, images)
    originals = [path.read_bytes() for path in sorted(run.originals.glob("*"))]
    files = originals or as_files(images)
    with _staging(repository, name, dry_run=dry_run) as (staging, version):
        card = replace(trained_card, name=name, version=version)
        save(model, card, staging)
        checks = verify(staging, card, images, expected, files)
        size_bytes = (staging / "saved_model.pb").stat().st_size
        exported = {"export": {**asdict(checks), "size_bytes": size_bytes}, "gate": asdict(gate)}
        extra = _write_extra(staging, run, card, {**report, **exported})
        write_warmup(extra, name, images, as_files(images[:1])[0])
    return Published(repository / name / str(version), card, gate, checks, size_bytes)


def _staging(repository: Path, name: str, *, dry_run: bool) -> AbstractContextManager[tuple[Path, int]]:
    return _aside(repository, name) if dry_run else publishing(repository, name)


@contextmanager
def _aside(repository: Path, name: str) -> Iterator[tuple[Path, int]]:
    """As `publishing` does, but nothing comes of it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder), max(version_numbers(repository / name), default=0) + 1


def _write_extra(staging: Path, run: Run, card: ModelCard, report: dict[str, Any]) -> Path:
    """What lies beside the model: its card, its report, where it comes from, and pictures to try it with."""
    extra = staging / "assets.extra"
    extra.mkdir()
    (extra / "card.json").write_text(card.to_json() + "\n", encoding="utf-8")
    source = {"name": run.folder.resolve().name, "fingerprint": fingerprint(run)}
    write_json(extra / "report.json", {**report, "run": source})
    for path in (run.confusion_matrix, run.folder / "report.html"):
        if path.is_file():
            shutil.copyfile(path, extra / path.name)
    if run.samples.is_dir():
        shutil.copytree(run.samples, samples_folder(staging))
    return extra
