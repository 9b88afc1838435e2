"""What a person sees while a model trains: one line that renews itself on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

_TERMINAL_INTERVAL_S = 0.2
_LOG_INTERVAL_S = 10.0
_EPOCH_INTERVAL_S = 2.0
_FEW_EPOCHS = 30


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch; losses are mean cross-entropies, accuracies 0 to 1.

    `learning_rate` is that of its last step, `waiting` the share of its time spent waiting for data.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    learning_rate: float = 0.0
    waiting: float = 0.0


class Progress:
    """Prints how far the training is, how good, how fast, and how long it will still take."""

    def __init__(
        self,
        *,
        epochs: int,
        images_per_epoch: int,
        out: TextIO,
        log: TextIO,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins to count the time.

        Args:
            epochs: How many there will be.
            images_per_epoch: How many pictures are seen in each.
            out: Where a person looks.
            log: A file that gets every finished epoch's line.
            done: Pictures seen before, by a training that is resumed.
            clock: Gives seconds.
        """
        self._epochs, self._images = epochs, images_per_epoch
        self._out, self._log, self._clock = out, log, clock
        self._before = done
        self._start = self._shown = self._told = clock()
        self._renews = out.isatty()

    def step(self, epoch: int, images: int, loss: float, accuracy: float) -> None:
        """After a batch: `images` pictures of this epoch (from 1) are done."""
        now = self._clock()
        if now - self._shown < (_TERMINAL_INTERVAL_S if self._renews else _LOG_INTERVAL_S):
            return
        self._shown = now
        done = (epoch - 1) * self._images + images
        line = (
            f"epoch {epoch}/{self._epochs}  {images / self._images:4.0%}  loss {loss:.4f}  accuracy {accuracy:.4f}"
            f"  {self._rate(done)}"
        )
        self._out.write(f"\r\x1b[K{line}" if self._renews else f"{line}\n")
        self._out.flush()

    def epoch(self, figures: Epoch) -> None:
        """After an epoch and its validation."""
        line = (
            f"epoch {figures.epoch}/{self._epochs}  loss {figures.loss:.4f}  accuracy {figures.accuracy:.4f}"
            f"  validation loss {figures.validation_loss:.4f}  accuracy {figures.validation_accuracy:.4f}"
            f"  {self._rate(figures.epoch * self._images)}\n"
        )
        self._log.write(line)
        self._log.flush()
        self._shown = self._clock()
        if self._is_worth_a_line(figures.epoch):
            self._told = self._shown
            self._out.write(f"\r\x1b[K{line}" if self._renews else line)
            self._out.flush()

    def _is_worth_a_line(self, epoch: int) -> bool:
        """Of hundreds of short epochs, only some; the log has all."""
        return epoch == self._epochs or self._epochs <= _FEW_EPOCHS or self._shown - self._told >= _EPOCH_INTERVAL_S

    def _rate(self, done: int) -> str:
        rate = (done - self._before) / max(self._clock() - self._start, 1e-6)
        left = (self._epochs * self._images - done) / max(rate, 1e-6)
        return f"{rate:,.0f} images/s  {duration(left)} left"


def duration(seconds: float) -> str:
    """``75`` -> ``1m 15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
