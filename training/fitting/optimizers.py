"""Keras's optimizers, as a preset describes them."""

from __future__ import annotations

from typing import Any

import keras

from training.presets.preset import Optimizer


def build(optimizer: Optimizer, learning_rate: float, *, average_steps: float) -> Any:
    """The Keras optimizer.

    Args:
        optimizer: Which.
        learning_rate: To begin with; the loop sets it at every step.
        average_steps: The number of steps over which the kept weights are averaged; less than 1 keeps the last ones.
    """
    common: dict[str, Any] = {"learning_rate": learning_rate}
    if average_steps >= 1:
        common |= {"use_ema": True, "ema_momentum": 1 - 1 / average_steps}
    if optimizer.weight_decay:
        common["weight_decay"] = optimizer.weight_decay
    made = {
        "sgd": lambda: keras.optimizers.SGD(momentum=optimizer.momentum, nesterov=optimizer.nesterov, **common),
        "adam": lambda: keras.optimizers.Adam(**common),
        "adamw": lambda: keras.optimizers.AdamW(**common),
    }[optimizer.name]()
    # Decay is for what multiplies; scales and offsets are few and must be free to grow.
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
