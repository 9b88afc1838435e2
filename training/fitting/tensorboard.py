"""Every epoch's figures for TensorBoard: ``tensorboard --logdir runs``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.progress import Epoch


class Scalars:
    """Writes one curve for each figure of an epoch; the file is made with the first."""

    def __init__(self, folder: Path) -> None:
        """Writes into that folder."""
        self._folder = folder
        self._writer: Any = None

    def write(self, epoch: Epoch) -> None:
        """Adds an epoch's figures, at once readable."""
        from tensorboard.summary import Writer

        self._writer = self._writer or Writer(str(self._folder))
        for name, value in asdict(epoch).items():
            if name != "epoch":
                self._writer.add_scalar(name.replace("validation_", "validation/"), value, epoch.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Ends the writer's thread."""
        if self._writer is not None:
            self._writer.close()
