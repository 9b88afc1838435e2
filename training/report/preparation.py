"""The sections on what happens to a picture before it reaches the network, and to training pictures only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from training.report.facts import Facts
from training.report.words import across, number, percent

_RESIZE = {
    "stretch": "It is scaled to {size} pixels; its proportions may change.",
    "crop": "It is scaled until it covers {size} pixels, and the centre is kept.",
    "pad": "It is scaled to fit into {size} pixels; the rest is black.",
}
_VIEWS = {
    2: "as it is and, where the data set allows it, mirrored",
    5: "as it is and, unless it is tiny, moved a little along either diagonal",
    10: "as it is and, unless it is tiny, moved a little along either diagonal, and all of these mirrored, where the "
    "data set allows it",
}
_NORMALISING = ("Normalization", "Rescaling", "TrueDivide", "Subtract")
# What a preset may do to training pictures, as its settings name it, and in words. A share is of the picture's size.
_AUGMENTATIONS = {
    "mirror": "mirrored left to right, every second one, where the data set allows it",
    "shift": "moved by up to {} of its size",
    "rotation": "turned by up to {}",
    "zoom": "enlarged or reduced by up to {}",
    "contrast": "given up to {} more or less contrast",
    "erase": "spared, but for {} of them, which lose a rectangle to noise (random erasing)",
    "mixup": "blended with another, labels too (mixup, alpha {})",
    "cutmix": "given a piece of another, labels too (cutmix, alpha {})",
    "label_smoothing": "taken to be of its class, but for {} that go to all classes alike",
}
_PLAIN = {"mixup", "cutmix"}


@dataclass(frozen=True)
class Augmentation:
    """One change to training pictures: its setting's name, the value, what it does; `on` unless it is 0 or False."""

    name: str
    value: str
    words: str
    on: bool


@dataclass(frozen=True)
class Preparation:
    """The steps that every picture takes, and those that training pictures take besides."""

    steps: tuple[str, ...]
    augmentations: tuple[Augmentation, ...]

    @property
    def applied(self) -> tuple[Augmentation, ...]:
        """Those that are on."""
        return tuple(item for item in self.augmentations if item.on)

    @property
    def unused(self) -> str:
        """The names of those that are off."""
        return ", ".join(item.name for item in self.augmentations if not item.on)


def preparation(facts: Facts) -> Preparation:
    """The section; what is not known is left out."""
    steps, found = [*_steps(facts)], list[Augmentation]()
    # A report may lack its settings.
    with suppress(KeyError):
        steps += _looks(facts.preset)
        found = [*_augmentations(facts.preset)]
    return Preparation(tuple(steps), tuple(found))


def _steps(facts: Facts) -> Iterator[str]:
    image = facts.card.image
    yield "The file is decoded: its first frame, turned as the camera held it, what is transparent over white."
    if image.subject is not None:
        yield (
            "Its subject is looked for, cut out and scaled to fill the canvas, as in the training pictures: "
            f"on a {image.subject.background} background, in full contrast."
        )
    for key, value in image.extra.items():
        yield f"The card asks for “{key}”: {value if isinstance(value, str | int | float) else _spelled(value)}."
    if image.subject is None:
        yield _RESIZE[image.resize].format(size=across(image.width, image.height))
    yield f"It becomes {'grey' if image.channels == 1 else 'RGB'}, one byte a pixel and channel: this is what is sent."
    layers = [layer["name"] for layer in facts.report.get("architecture", []) if layer["type"] in _NORMALISING]
    named = f" (layer {layers[0]})" if layers else ""
    yield f"Inside the network{named}, the bytes are normalised, so that nobody can normalise otherwise by mistake."


def _looks(preset: Mapping[str, Any]) -> Iterator[str]:
    # Runs of before there were views have none in their settings.
    if views := _VIEWS.get(preset.get("views", 1)):
        yield f"The network looks at it {views}, and answers with the mean of the scores."


def _spelled(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_spelled(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_spelled(item) for item in value)
    return str(value)


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as one level; a name inside ``optimizer`` becomes ``optimizer`` itself."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= {key if inner == "name" else inner: item for inner, item in flat(value).items()}
        else:
            found[key] = value
    return found


def _augmentations(preset: Mapping[str, Any]) -> Iterator[Augmentation]:
    for name, value in flat(preset).items():
        if name not in _AUGMENTATIONS:
            continue
        on = bool(value)
        shown = _shown(name, value)
        yield Augmentation(name, shown, _AUGMENTATIONS[name].format(shown), on)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if name == "rotation":
        return f"{value:g} degrees"
    if isinstance(value, int | float):
        return number(value) if name in _PLAIN else percent(value)
    return _spelled(value)


AUGMENTATION_NAMES = frozenset(_AUGMENTATIONS)
