"""The experiments: which network, and how it is trained. Each one's docstring has the command and what to expect."""

from __future__ import annotations

from collections.abc import Callable

from training.presets.classic import cnn_basic, cnn_regularized, cnn_sgd
from training.presets.preset import Optimizer, Preset
from training.presets.residual import resnet_20, resnet_compact, resnet_small, resnet_small_long
from training.presets.transfer import DEFAULT_BACKBONE, transfer

__all__ = ["DEFAULT", "DEFAULT_BACKBONE", "PRESETS", "Optimizer", "Preset", "transfer"]

DEFAULT = "resnet-small"
PRESETS: dict[str, Callable[[], Preset]] = {
    "resnet-small": resnet_small,
    "resnet-small-long": resnet_small_long,
    "resnet-compact": resnet_compact,
    "resnet-20": resnet_20,
    "transfer": transfer,
    "cnn-sgd": cnn_sgd,
    "cnn-basic": cnn_basic,
    "cnn-regularized": cnn_regularized,
}
