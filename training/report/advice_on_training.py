"""Advice whose work is on the settings: each with the command to type."""

from __future__ import annotations

from typing import Any

from training.datasets import BUILT_IN
from training.report.command import train_command
from training.report.facts import Facts
from training.report.fitting import series
from training.report.preparation import flat
from training.report.step import Step
from training.report.words import across, percent

_LEAST_EPOCHS = 3
# Of the last fifth of the epochs: a loss that still falls by this much would fall further.
_STILL_FALLING = 0.05
_RISEN = 1.15
_GAP = 0.05
_UNDERFIT = 0.9
_BADLY_CALIBRATED = 0.05
_BADLY_TOLD_APART = 0.9
_WAITING = 0.05
_LARGEST_SIDE = 224
_SMALL_NETWORKS = ("cnn-sgd", "cnn-basic")


def train_longer(facts: Facts) -> Step | None:
    """The validation loss was still falling when the training ended."""
    losses = [value for _, value in series(facts.history, "validation_loss")]
    if follow_the_preset(facts):
        return None
    if len(losses) < _LEAST_EPOCHS or losses[-1] > min(losses) * 1.001:
        return None
    before = losses[-1 - max(1, len(losses) // 5)]
    fall = (before - losses[-1]) / before if before else 0.0
    if fall < _STILL_FALLING:
        return None
    epochs = 2 * facts.epochs
    return Step(
        "Train longer",
        f"The validation loss was still falling at the end, by {percent(fall, 0)} over the last "
        f"{'epoch' if len(losses) < 10 else 'fifth of the epochs'}. Try {epochs:,} epochs instead of {facts.epochs:,}.",
        train_command(facts, change=f"--epochs {epochs}"),
    )


def follow_the_preset(facts: Facts) -> Step | None:
    """The training was cut short by hand."""
    asked, wanted = facts.settings.get("epochs"), int(facts.preset["epochs"])
    if not asked or asked >= wanted:
        return None
    return Step(
        "Train as long as the preset says",
        f"This run had {facts.epochs:,} epochs; the preset takes at least {wanted:,}.",
        train_command(facts, without="--epochs"),
    )


def stop_earlier(facts: Facts) -> Step | None:
    """The validation loss had its best moment long ago."""
    losses = series(facts.history, "validation_loss")
    if len(losses) < _LEAST_EPOCHS:
        return None
    best_epoch, best = min(losses, key=lambda point: point[1])
    if losses[-1][1] < best * _RISEN:
        return None
    return Step(
        "Stop earlier, or vary the pictures more",
        f"The validation loss was lowest after epoch {best_epoch:.0f} ({best:.3f}) and has risen to "
        f"{losses[-1][1]:.3f}: since "
        "then the network has learnt the training pictures by heart.",
        train_command(facts, change=f"--epochs {best_epoch:.0f}"),
    )


def regularise(facts: Facts) -> Step | None:
    """Training pictures are recognised much better than others."""
    gap = _last(facts, "accuracy") - _last(facts, "validation_accuracy")
    if gap < _GAP:
        return None
    small, transfer = str(facts.preset["name"]) in _SMALL_NETWORKS, "transfer" in str(facts.preset["name"])
    change = "--preset cnn-regularized" if small else "--preset transfer --backbone MobileNetV2"
    able = small or (facts.card.image.channels == 3 and not transfer)
    return Step(
        "Close the gap between training and validation",
        f"Training pictures are recognised {gap * 100:.1f} points more often than validation pictures: the network "
        "remembers "
        "where it should generalise. More pictures, more augmentation or more regularisation close the gap.",
        train_command(facts, change=change) if able else "",
    )


def enlarge_network(facts: Facts) -> Step | None:
    """Not even the training pictures are recognised."""
    accuracy = _last(facts, "accuracy")
    if accuracy >= _UNDERFIT or accuracy - _last(facts, "validation_accuracy") >= _GAP:
        return None
    small = str(facts.preset["name"]) in _SMALL_NETWORKS
    why = f"Even of the training pictures only {percent(accuracy)} are recognised: "
    if small:
        change, rest = "--preset resnet-small", "the network is too small for them."
    else:
        change, rest = f"--epochs {2 * facts.epochs}", "it needs more epochs, larger pictures or less augmentation."
    return Step("Give the network more to learn with", why + rest, train_command(facts, change=change))


def enlarge_pictures(facts: Facts) -> Step | None:
    """The files hold more than the network gets to see."""
    width, height = facts.inspection["sizes"]["median"]
    image = facts.card.image
    side = min(2 * max(image.height, image.width), _LARGEST_SIDE)
    if facts.source in BUILT_IN or side <= max(image.height, image.width) or min(width, height) < side * 0.75:
        return None
    return Step(
        "Show the network larger pictures",
        f"Half of the pictures are at least {across(width, height)} pixels large; the network sees "
        f"{across(image.width, image.height)} of them. Where details decide, more pixels help; every step takes "
        "longer.",
        train_command(facts, change=f"--image-size {side}"),
    )


def calibrate(facts: Facts) -> Step | None:
    """The probabilities are off even after temperature scaling."""
    ece = facts.report["calibration"]["after"]["ece"]
    if ece < _BADLY_CALIBRATED:
        return None
    smoothing = flat(facts.preset).get("label_smoothing")
    hint = " Label smoothing is on and makes a network modest: try less of it." if smoothing else ""
    return Step(
        "Do not take the probabilities at their word",
        f"Even after calibration they are off by {percent(ece)} on average. A larger validation part fits the "
        "temperature "
        f"better.{hint}",
    )


def refuse_strangers(facts: Facts) -> Step | None:
    """Pictures of nothing that was learnt look like something."""
    found = facts.report["unknown"]
    if found["auroc"] >= _BADLY_TOLD_APART:
        return None
    return Step(
        "Teach it what it does not know",
        f"Pictures of another kind ({found['against']}) are hard to tell from known ones (AUROC "
        f"{found['auroc']:.2f}), so that "
        "the threshold for “none of these” helps little. A class “other” with pictures that users send by mistake "
        "does more.",
    )


def feed_faster(facts: Facts) -> Step | None:
    """The processor waits for pictures."""
    waiting = facts.report["waiting"]
    if not isinstance(waiting, int | float) or waiting < _WAITING:
        return None
    return Step(
        "Feed it faster",
        f"{percent(waiting)} of the training time was spent waiting for pictures. A faster disk, or smaller "
        "pictures, would "
        "shorten the training by about as much.",
    )


def _last(facts: Facts, key: str) -> float:
    points = series(facts.history, key)
    if not points:
        raise KeyError(key)
    value: Any = points[-1][1]
    return float(value)
