"""The training loop: epochs of steps, each watched, its state kept often enough that a kill costs a minute at most."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from training.datasets.dataset import Part
from training.errors import TrainingDiverged
from training.evaluation.metrics import log_loss
from training.fitting import checkpoint, schedule
from training.fitting.batches import Batches
from training.fitting.stages import Stage
from training.fitting.trainee import Trainee
from training.networks import KerasModel
from training.predict import predict
from training.progress import Epoch, Progress


@dataclass
class State:
    """How far a training is: what a checkpoint holds beside the weights.

    Attributes:
        history: The finished epochs.
        step: Finished steps of the epoch after them.
        loss: Their losses, summed.
        right: Their accuracies, summed.
        epoch_s: How long they took, in seconds.
        seconds: How long everything took before this process.
        waited_s: How much of that was spent waiting for data.
    """

    history: list[Epoch] = field(default_factory=list)
    step: int = 0
    loss: float = 0.0
    right: float = 0.0
    epoch_s: float = 0.0
    seconds: float = 0.0
    waited_s: float = 0.0

    @classmethod
    def read(cls, path: Path) -> State:
        """That of a checkpoint."""
        values = checkpoint.read_state(path)
        return cls(**{**values, "history": [Epoch(**epoch) for epoch in values["history"]]})


class Loop:
    """Trains one network by stages, from the beginning or from where a checkpoint stands."""

    def __init__(
        self,
        network: KerasModel,
        batches: Batches,
        validation: Part,
        *,
        state: State,
        progress: Progress,
        on_epoch: Callable[[Epoch], None],
        path: Path | None,
        patience: int | None,
        interval_s: float = 60.0,
    ) -> None:
        """Does nothing yet.

        Args:
            network: Gets trained.
            batches: Of the training pictures.
            validation: Pictures to watch.
            state: To begin with: the checkpoint's if there is one.
            progress: Is told after every step.
            on_epoch: Is told after every epoch.
            path: The checkpoint. None keeps none.
            patience: Stops a stage after so many epochs without progress.
            interval_s: How often the checkpoint is written within an epoch, in seconds.
        """
        self._network, self._batches, self._validation = network, batches, validation
        self._progress, self._on_epoch = progress, on_epoch
        self._path, self._patience, self._interval_s = path, patience, interval_s
        self._best: list[NDArray[Any]] = []
        self._resumes = path is not None and path.is_file()
        self.state = state
        self._began = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the training took so far, in all processes."""
        return self.state.seconds + time.monotonic() - self._began

    @property
    def waiting(self) -> float:
        """The share of that time spent waiting for data."""
        return (self.state.waited_s + self._batches.waited_s) / max(self.seconds, 1e-9)

    def run(self, stage: Stage, trainee: Trainee) -> None:
        """Trains through a stage, or what is left of it; leaves the network with the weights to keep.

        Raises:
            TrainingDiverged: The loss became infinite or not a number.
            CheckpointError: The checkpoint is not of this training.
        """
        # The epoch of the last step: a checkpoint holds the variables of the stage that this one is in.
        reached = len(self.state.history) + (self.state.step > 0)
        if reached > stage.last:
            return
        trainee.optimizer.build(trainee.trainable_variables)
        if self._resumes:
            self._best = checkpoint.restore(self._path or Path(), _variables(trainee))
            self._resumes = False
        while len(self.state.history) < stage.last and not self._is_stuck(stage):
            self._epoch(stage, trainee)
        _take_averages(trainee)
        if self._best:
            self._network.set_weights(self._best)

    def _epoch(self, stage: Stage, trainee: Trainee) -> None:
        state, number = self.state, len(self.state.history) + 1
        began, waited = time.monotonic() - state.epoch_s, self._batches.waited_s
        rate = self._rate(stage, number, max(0, state.step - 1))
        for batch in self._batches.epoch(number, first=state.step):
            rate = self._rate(stage, number, state.step)
            trainee.optimizer.learning_rate = rate
            inputs = {"images": batch.images, "labels": batch.labels}
            figures = trainee.train_on_batch(inputs, sample_weight=batch.weights, return_dict=True)
            self._count(figures, stage)
            if time.monotonic() - self._saved > self._interval_s:
                state.epoch_s = time.monotonic() - began
                self._save(trainee)
        with _averaged(trainee):
            watched = self._validate()
            self._keep_best(watched[0])
        seconds = time.monotonic() - began
        waiting = (self._batches.waited_s - waited) / seconds
        loss, right = state.loss / state.step, state.right / state.step
        epoch = Epoch(number, loss, right, *watched, round(seconds, 3), learning_rate=rate, waiting=round(waiting, 4))
        state.history.append(epoch)
        state.step, state.loss, state.right, state.epoch_s = 0, 0.0, 0.0, 0.0
        self._on_epoch(epoch)
        self._save(trainee)

    def _count(self, figures: dict[str, Any], stage: Stage) -> None:
        loss = float(figures["loss"])
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"The loss became {loss} in step {self.state.step + 1:,} of epoch {len(self.state.history) + 1}. "
                f"Try a learning rate below {stage.learning_rate:g} (--learning-rate, --find-lr) or a larger batch"
            )
        state = self.state
        state.step += 1
        state.loss += loss
        state.right += float(figures["accuracy"])
        pictures = state.step * self._batches.size
        self._progress.step(len(state.history) + 1, pictures, state.loss / state.step, state.right / state.step)

    def _rate(self, stage: Stage, epoch: int, step: int) -> float:
        if stage.schedule == "cosine":
            at = (epoch - stage.first) * self._batches.steps + step
            return stage.learning_rate * schedule.cosine(at, stage.epochs * self._batches.steps, stage.warm_up)
        if stage.schedule == "plateau":
            return stage.learning_rate * schedule.plateau(self._losses(stage))
        return stage.learning_rate

    def _losses(self, stage: Stage) -> list[float]:
        return [epoch.validation_loss for epoch in self.state.history if epoch.epoch >= stage.first]

    def _is_stuck(self, stage: Stage) -> bool:
        if self._patience is None:
            return False
        return schedule.epochs_without_progress(self._losses(stage)) >= self._patience

    def _validate(self) -> tuple[float, float]:
        probabilities = predict(self._network, self._validation.images)
        right = probabilities.argmax(axis=1) == self._validation.classes
        return log_loss(probabilities, self._validation.classes), float(right.mean())

    def _keep_best(self, validation_loss: float) -> None:
        if self._patience is None:
            return
        if validation_loss < min((epoch.validation_loss for epoch in self.state.history), default=math.inf):
            self._best = self._network.get_weights()

    def _save(self, trainee: Trainee) -> None:
        if self._path is not None:
            waited_s = self.state.waited_s + self._batches.waited_s
            values = {**asdict(self.state), "seconds": self.seconds, "waited_s": waited_s}
            checkpoint.save(self._path, _variables(trainee), self._best, values)
        self._saved = time.monotonic()


def _variables(trainee: Trainee) -> Sequence[Any]:
    return [*trainee.variables, *trainee.optimizer.variables]


@contextmanager
def _averaged(trainee: Trainee) -> Iterator[None]:
    """The moving averages of the weights in their place, where the optimizer keeps such."""
    if not trainee.optimizer.use_ema:
        yield
        return
    last = [checkpoint.to_numpy(variable) for variable in trainee.trainable_variables]
    _take_averages(trainee)
    try:
        yield
    finally:
        for variable, value in zip(trainee.trainable_variables, last, strict=True):
            variable.assign(value)


def _take_averages(trainee: Trainee) -> None:
    """Puts the moving averages of the weights, where the optimizer keeps such, in the place of the weights."""
    trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    for variable in trainee.trainable_variables:
        # A copy: on JAX both would hold one array, which the next step takes away from both.
        variable.assign(checkpoint.to_numpy(variable))
