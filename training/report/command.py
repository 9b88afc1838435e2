"""The command that made a run, from the settings that it left behind; and variations of it."""

from __future__ import annotations

import shlex

from training.datasets import BUILT_IN
from training.report.facts import Facts

_PROGRAM = "python -m training"


def train_command(facts: Facts, *, change: str = "") -> str:
    """The command line that trains such a run, with options changed or added.

    Args:
        facts: Of the run.
        change: Options that replace the run's own, for instance ``--epochs 40``.

    Raises:
        KeyError: The run does not say how it was trained.
    """
    options = {**_options(facts), **_grouped(shlex.split(change))}
    return f"{_PROGRAM} train {shlex.join(word for option, values in options.items() for word in (option, *values))}"


def export_command(facts: Facts) -> str:
    """The command line that puts the run's model into the model repository."""
    return f"{_PROGRAM} export {shlex.quote(str(facts.folder))}"


def _options(facts: Facts) -> dict[str, list[str]]:
    """As the settings have it word by word (``command``), or put together from what the run knows of itself."""
    if isinstance(facts.settings.get("command"), list):
        return _grouped([str(word) for word in facts.settings["command"]])
    asked = facts.settings.get("dataset", {})
    source = str(asked.get("source") or facts.report["dataset"])
    options = {
        "--dataset": [source],
        "--preset": [str(facts.preset["name"])],
        "--epochs": [str(facts.epochs)],
        "--seed": [str(facts.seed)],
    }
    if facts.preset.get("backbone"):
        options["--backbone"] = [str(facts.preset["backbone"])]
    if source not in BUILT_IN:
        image = facts.card.image
        options["--image-size"] = [f"{image.height}x{image.width}"]
        options["--resize"] = [image.resize]
    return options


def _grouped(words: list[str]) -> dict[str, list[str]]:
    """``["--epochs", "3"]`` -> ``{"--epochs": ["3"]}``; words before the first option are dropped."""
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word] = []
        elif options:
            options[list(options)[-1]].append(word)
    return options
