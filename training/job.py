"""A training job as it was asked for: what `settings.json` of a run holds, and what a resumed run must repeat."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from contract.card import Resize
from training import datasets
from training.datasets.dataset import Dataset
from training.datasets.spec import PartialSpec
from training.errors import RunError
from training.presets import DEFAULT, PRESETS, Preset, transfer
from training.presets.preset import Precision
from training.runs import Run, unfinished_runs, write_json

_DATA = ("source", "split", "height", "width", "channels", "resize", "seed")


@dataclass(frozen=True)
class Job:
    """Which data, which preset, and what differs from it. None leaves a setting to the preset or the dataset.

    Attributes:
        source: The dataset: a built-in one's name, or a path.
        split: A CSV file that says which picture is in which part.
        height: Of the pictures, in pixels.
        width: Likewise.
        channels: 1 (grey) or 3.
        resize: How pictures in files get that size.
        seed: Of the split, the weights, the order, the augmentation.
        preset: Its name.
        backbone: Of the preset ``transfer``.
        epochs: How often every training picture is seen.
        batch_size: Pictures a step.
        learning_rate: The highest.
        precision: What is computed in.
        weigh_classes: Whether pictures of rare classes count more.
        name: The model's name.
    """

    source: str
    split: str | None = None
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    resize: Resize | None = None
    seed: int = 0
    preset: str = DEFAULT
    backbone: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    precision: Precision = "float32"
    weigh_classes: bool = True
    name: str | None = None

    def load_dataset(self, out: TextIO | None = None) -> Dataset:
        """The pictures; `out` is told how far their decoding is. Raises DatasetError."""
        split = Path(self.split) if self.split else None
        return datasets.load(self.source, spec=self._spec(), seed=self.seed, split=split, out=out)

    def make_preset(self) -> Preset:
        """The preset, with what differs."""
        preset = transfer(self.backbone) if self.backbone else PRESETS[self.preset]()
        optimizer = replace(preset.optimizer, learning_rate=self.learning_rate or preset.optimizer.learning_rate)
        return replace(
            preset,
            optimizer=optimizer,
            batch_size=self.batch_size or preset.batch_size,
        )

    def write(self, run: Run, fingerprint: str) -> None:
        """Writes it into the run's folder, with the fingerprint of the data."""
        write_json(run.settings, {**self.to_dict(), "fingerprint": fingerprint})

    def unfinished(self, runs: Path) -> Run | None:
        """The newest run of this very job that was stopped and can be resumed."""
        for run in unfinished_runs(runs):
            try:
                if Job.read(run)[0] == self:
                    return run
            except RunError:
                continue
        return None

    def to_dict(self) -> dict[str, Any]:
        """As in the file: what says which data together in ``dataset``."""
        values = asdict(self)
        return {"dataset": {key: values.pop(key) for key in _DATA}, **values}

    @classmethod
    def read(cls, run: Run) -> tuple[Job, str]:
        """The job of a run and the fingerprint of its data. Raises RunError."""
        try:
            values = json.loads(run.settings.read_text(encoding="utf-8"))
            fingerprint = values.pop("fingerprint")
            return cls(**values.pop("dataset"), **values), fingerprint
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{run.settings} cannot be read: {error}") from error

    def _spec(self) -> PartialSpec | None:
        size = None if self.source in datasets.BUILT_IN else self.make_preset().image_size
        spec = PartialSpec(self.height or size, self.width or size, self.channels, self.resize)
        return None if spec == PartialSpec() else spec
