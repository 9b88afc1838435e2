"""The learning rate range test (Smith, 2017): which rate a network can take, before it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.fitting.batches import Batches
from training.fitting.trainee import Trainee

_STEPS = 100
_LOWEST, _HIGHEST = 1e-5, 10.0
_SMOOTHING = 0.9
# The loss is out of control where it is so many times its lowest.
_DIVERGED = 4.0


@dataclass(frozen=True)
class RateSearch:
    """The loss (smoothed) at each rate tried, and the rate proposed: a tenth of that with the lowest loss."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    proposed: float


def find_rate(trainee: Trainee, batches: Batches) -> RateSearch:
    """Takes 100 steps at rates that grow from 1e-5 to 10, or until the loss breaks. The network is spoilt by it."""
    rates: list[float] = []
    losses: list[float] = []
    mean, step, epoch = 0.0, 0, 0
    while step < _STEPS:
        epoch += 1
        for batch in batches.epoch(epoch):
            rate = _LOWEST * (_HIGHEST / _LOWEST) ** (step / (_STEPS - 1))
            trainee.optimizer.learning_rate = rate
            inputs = {"images": batch.images, "labels": batch.labels}
            loss = float(trainee.train_on_batch(inputs, sample_weight=batch.weights, return_dict=True)["loss"])
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
            smooth = mean / (1 - _SMOOTHING ** (step + 1))
            step += 1
            if not math.isfinite(smooth) or (losses and smooth > _DIVERGED * min(losses)):
                return _proposed(rates, losses)
            rates.append(rate)
            losses.append(smooth)
            if step == _STEPS:
                break
    return _proposed(rates, losses)


def _proposed(rates: list[float], losses: list[float]) -> RateSearch:
    best = rates[int(np.argmin(losses))]
    # One significant digit: the test is no more precise than that.
    return RateSearch(tuple(rates), tuple(losses), float(f"{best / 10:.0e}"))
