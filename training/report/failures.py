"""The section on where the model fails, with the pictures: confused pairs, top losses, what it looked at."""

from __future__ import annotations

from dataclasses import dataclass

from training.report.facts import Facts, Json
from training.report.pictures import Picture, read_picture
from training.report.words import percent

_PAIRS, _PICTURES_A_PAIR, _LOSSES, _EXPLAINED = 6, 6, 12, 8
_SIDE = 160
_OVERLAY_SIDE = 224


@dataclass(frozen=True)
class Mistake:
    """A picture, what it shows, what was answered with what probability."""

    picture: Picture
    file: str
    right: str
    answer: str
    probability: str


@dataclass(frozen=True)
class Pair:
    """A class that is taken for another: how often, which share of its test pictures, some of them."""

    right: str
    answer: str
    count: int
    share: str
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class Explanation:
    """A picture and, laid over it, where the evidence for the answer was found (Grad-CAM)."""

    picture: Picture | None
    overlay: Picture
    right: str
    answer: str
    probability: str


@dataclass(frozen=True)
class Failures:
    """The section; `unexplained` says why there is no explanation, if there is none."""

    pairs: tuple[Pair, ...]
    losses: tuple[Mistake, ...]
    explanations: tuple[Explanation, ...]
    unexplained: str


def failures(facts: Facts) -> Failures:
    """The section. Raises KeyError if the run's mistakes were not collected."""
    report = facts.report
    return Failures(
        tuple(_pair(facts, item) for item in report["confused"][:_PAIRS]),
        # Where there are few mistakes, right but hesitant answers are among the top losses.
        tuple(_mistakes(facts, [item for item in report["top_losses"] if item["answer"] != item["right"]][:_LOSSES])),
        tuple(_explanations(facts, report.get("explanations", [])[:_EXPLAINED])),
        report.get("explanations_skipped") or "",
    )


def _pair(facts: Facts, item: Json) -> Pair:
    mistakes = _mistakes(facts, item.get("pictures", [])[:_PICTURES_A_PAIR])
    return Pair(item["right"], item["answer"], int(item["count"]), percent(item["share"]), tuple(mistakes))


def _mistakes(facts: Facts, items: list[Json]) -> list[Mistake]:
    found = []
    for item in items:
        picture = read_picture(facts.folder, item["picture"], _SIDE)
        if picture:
            file = item.get("file") or ""
            found.append(Mistake(picture, file, item["right"], item["answer"], percent(item["probability"])))
    return found


def _explanations(facts: Facts, items: list[Json]) -> list[Explanation]:
    found = []
    for item in items:
        overlay = read_picture(facts.folder, item["overlay"], _OVERLAY_SIDE)
        if overlay:
            picture = read_picture(facts.folder, item.get("picture"), _OVERLAY_SIDE)
            found.append(Explanation(picture, overlay, item["right"], item["answer"], percent(item["probability"])))
    return found
