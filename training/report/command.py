"""The command that made a run, from the settings that it left behind; and variations of it."""

from __future__ import annotations

import shlex
from typing import Any

from training.datasets import BUILT_IN
from training.report.facts import Facts

_PROGRAM = "python -m training"
_OPTIONS = {
    "source": "--dataset", "split": "--split", "channels": "--channels", "resize": "--resize", "preset": "--preset",
    "backbone": "--backbone", "epochs": "--epochs", "batch_size": "--batch-size", "learning_rate": "--learning-rate",
    "seed": "--seed", "name": "--name",
}  # fmt: skip
# Another preset brings its own.
_OF_THE_PRESET = {"--backbone", "--epochs", "--batch-size", "--learning-rate"}
_PRECISION = "float32"


def train_command(facts: Facts, *, change: str = "", without: str = "") -> str:
    """The command line that trains such a run, with options changed or added.

    Args:
        facts: Of the run.
        change: Options that replace the run's own, for instance ``--epochs 40``.
        without: An option that is left out.

    Raises:
        KeyError: The run does not say how it was trained.
    """
    changed = _grouped(shlex.split(change))
    options = _options(facts)
    if "--preset" in changed:
        options = {name: values for name, values in options.items() if name not in _OF_THE_PRESET}
    options |= changed
    options.pop(without, None)
    return f"{_PROGRAM} train {shlex.join(word for option, values in options.items() for word in (option, *values))}"


def export_command(facts: Facts) -> str:
    """The command line that puts the run's model into the model repository."""
    return f"{_PROGRAM} export {shlex.quote(str(facts.folder))}"


def _options(facts: Facts) -> dict[str, list[str]]:
    """As the training was asked for; of runs that do not say, from what they know of themselves."""
    asked = {**facts.settings, **facts.settings.get("dataset", {})} or _guessed(facts)
    found = {option: [str(asked[key])] for key, option in _OPTIONS.items() if asked.get(key) is not None}
    if asked.get("height"):
        found["--image-size"] = [f"{asked['height']}x{asked['width']}"]
    if asked.get("precision", _PRECISION) != _PRECISION:
        found["--precision"] = [str(asked["precision"])]
    if asked.get("weigh_classes") is False:
        found["--no-class-weights"] = []
    return found


def _guessed(facts: Facts) -> dict[str, Any]:
    source, image = str(facts.report["dataset"]), facts.card.image
    sized = {} if source in BUILT_IN else {"height": image.height, "width": image.width, "resize": image.resize}
    return {"source": source, "preset": facts.preset["name"], "epochs": facts.epochs, "seed": facts.seed, **sized}


def _grouped(words: list[str]) -> dict[str, list[str]]:
    """``["--epochs", "3"]`` -> ``{"--epochs": ["3"]}``; words before the first option are dropped."""
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word] = []
        elif options:
            options[list(options)[-1]].append(word)
    return options
