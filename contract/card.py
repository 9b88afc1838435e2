"""The ModelCard: everything a caller must know of a model version, carried by the version itself.

It is JSON, answered by the ``describe`` signature and lying in ``assets.extra/card.json``. Keys that this release does
not know are kept, so that an older gateway passes a newer card on unharmed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar, get_args

Resize = Literal["stretch", "crop", "pad"]
Background = Literal["dark", "light"]


class CardError(ValueError):
    """A model card that cannot be understood; the message names the key, what came and what was wanted."""


# No classifier takes more, and a card that says so must not cost the gateway its memory.
MAX_SIDE = 4096


@dataclass(frozen=True)
class SubjectSpec:
    """How the training pictures show their one subject: on a plain background, filling the canvas, in full contrast.

    A model whose card says this gets a user's picture in the same way: see `contract.subject`.

    Attributes:
        background: What lies around the subject in the training pictures: ``dark`` (0) or ``light`` (255).
        tolerance: How far from its background, as a share of the picture's strongest contrast, a pixel still belongs to
            it: at least 0, below 1. Small for objects with shades of their own, large for ink on paper.
        extra: Keys of the card's ``image.subject`` object that this release does not know.
    """

    background: Background = "dark"
    tolerance: float = 0.08
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.background not in get_args(Background):
            raise CardError(f"image.subject.background must be dark or light. Received: {self.background!r}")
        if not _is_number(self.tolerance) or not 0 <= self.tolerance < 1:
            raise CardError(f"image.subject.tolerance must be at least 0 and below 1. Received: {self.tolerance!r}")


@dataclass(frozen=True)
class ImageSpec:
    """The uint8 [height, width, channels] array that a model takes, and how a picture becomes one.

    Attributes:
        height: Pixels, 1 to `MAX_SIDE`.
        width: Pixels, 1 to `MAX_SIDE`.
        channels: 1 (grey) or 3 (RGB).
        resize: ``stretch`` to the size, ``crop`` the centre of the scaled picture, or ``pad`` it with black.
        subject: How the training pictures show their subject, for grey pictures only; it then takes the place of
            ``resize``. None if nothing is known of it, as in every card without the key.
        extra: Keys of the card's ``image`` object that this release does not know.
    """

    height: int
    width: int
    channels: int = 3
    resize: Resize = "stretch"
    subject: SubjectSpec | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("height", "width"):
            size = getattr(self, key)
            if not _is_int(size) or not 1 <= size <= MAX_SIDE:
                raise CardError(f"image.{key} must be a whole number of pixels, 1 to {MAX_SIDE}. Received: {size!r}")
        if self.channels not in (1, 3):
            raise CardError(f"image.channels must be 1 (grey) or 3 (RGB). Received: {self.channels!r}")
        if self.resize not in get_args(Resize):
            raise CardError(f"image.resize must be one of {', '.join(get_args(Resize))}. Received: {self.resize!r}")
        if self.subject is not None and self.channels != 1:
            raise CardError(f"image.subject needs image.channels to be 1 (grey). Received: {self.channels!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class ModelCard:
    """What a model version is: its labels in output order, the picture it takes, and where it comes from.

    Attributes:
        name: The model's name in the repository.
        labels: K class names in the order of ``probabilities``; ``category/sub-category`` makes a hierarchy.
        image: The input array.
        version: The number given at publishing, ``None`` before.
        metrics: Figures on the test set, for instance ``{"accuracy": 0.98}``.
        thresholds: Limits that a caller may apply to a probability.
        dataset: The name of the training data.
        created: When the training ended, ISO 8601 in UTC.
        framework: What trained it, for instance ``keras 3.15.1, tensorflow 2.20.0``.
        git_commit: The commit of the training code, empty if unknown.
        extra: Keys that this release does not know.
    """

    name: str
    labels: tuple[str, ...]
    image: ImageSpec
    version: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""
    created: str = ""
    framework: str = ""
    git_commit: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise CardError(f"name must be a non-empty string. Received: {self.name!r}")
        if not self.labels or not all(isinstance(label, str) and label for label in self.labels):
            raise CardError(f"labels must be a non-empty list of non-empty strings. Received: {list(self.labels)!r}")
        if len(set(self.labels)) != len(self.labels):
            twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise CardError(f"labels must differ from each other. Received more than once: {twice}")
        if self.version is not None and (not _is_int(self.version) or self.version < 0):
            raise CardError(f"version must be a whole number or null. Received: {self.version!r}")
        for key in ("metrics", "thresholds"):
            if not isinstance(getattr(self, key), Mapping):
                raise CardError(f"{key} must be a JSON object. Received: {getattr(self, key)!r}")
        for key in ("dataset", "created", "framework", "git_commit"):
            if not isinstance(getattr(self, key), str):
                raise CardError(f"{key} must be a string. Received: {getattr(self, key)!r}")

    def with_version(self, version: int) -> ModelCard:
        """The same card under another version number."""
        return replace(self, version=version)

    def to_json(self) -> str:
        """The card as a JSON object, readable by people."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values; ``extra`` keys stand beside the known ones."""
        card = _plain(self)
        card["labels"] = list(self.labels)
        card["image"] = _plain(self.image)
        del card["image"]["subject"]
        if self.image.subject is not None:
            card["image"]["subject"] = _plain(self.image.subject)
        return card

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelCard:
        """Reads a card.

        Raises:
            CardError: Not JSON, not an object, a key missing, or a value that makes no sense.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise CardError(f"A model card must be JSON. Received: {text[:80]!r} ({error})") from None
        return cls.from_dict(value)

    @classmethod
    def from_dict(cls, value: object) -> ModelCard:
        """Reads a card from plain values. Raises CardError as `from_json` does."""
        card = _known(cls, value, "the model card")
        if "image" not in card or not isinstance(card.get("labels"), list):
            raise CardError(f"A model card needs 'labels' (a list) and 'image'. Received the keys: {sorted(card)}")
        card["labels"] = tuple(card["labels"])
        card["image"] = _image(card["image"])
        return _make(cls, card)


_Value = TypeVar("_Value", SubjectSpec, ImageSpec, ModelCard)


def _image(value: object) -> ImageSpec:
    image = _known(ImageSpec, value, "image")
    if image.get("subject") is not None:
        image["subject"] = _make(SubjectSpec, _known(SubjectSpec, image["subject"], "image.subject"))
    return _make(ImageSpec, image)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_int(value)


def _plain(value: SubjectSpec | ImageSpec | ModelCard) -> dict[str, Any]:
    known = {f.name: getattr(value, f.name) for f in fields(value) if f.name != "extra"}
    return {**known, **value.extra}


def _known(cls: type[SubjectSpec | ImageSpec | ModelCard], value: object, what: str) -> dict[str, Any]:
    """The constructor's arguments: known keys as they are, all others together in ``extra``."""
    if not isinstance(value, dict):
        raise CardError(f"{what} must be a JSON object. Received: {type(value).__name__}")
    names = {f.name for f in fields(cls)} - {"extra"}
    known = {key: item for key, item in value.items() if key in names}
    known["extra"] = {key: item for key, item in value.items() if key not in names}
    return known


def _make(cls: type[_Value], arguments: dict[str, Any]) -> _Value:
    try:
        return cls(**arguments)
    except TypeError as error:
        raise CardError(f"{cls.__name__}: {error}. Received the keys: {sorted(arguments)}") from None
