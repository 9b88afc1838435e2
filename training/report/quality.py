"""The sections on how far the probabilities can be trusted: calibration, and pictures of nothing that was learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report.charts import Line, reliability_chart
from training.report.facts import Facts, Json
from training.report.pictures import Picture, read_picture
from training.report.words import percent

# A share of fewer pictures is chance.
LEAST_IN_BIN = 5
_SHOWN = 8
_SIDE = 160


@dataclass(frozen=True)
class Calibration:
    """Reliability before and after temperature scaling, on the test set."""

    temperature: float
    before_ece: float
    after_ece: float
    before_loss: float
    after_loss: float
    chart: Markup
    sentence: str


@dataclass(frozen=True)
class Stranger:
    """A picture of another data set and what the model made of it."""

    picture: Picture
    answer: str
    probability: str
    refused: bool


@dataclass(frozen=True)
class Unknown:
    """The threshold below which the answer is "none of these"."""

    threshold: float
    kept: float
    against: str
    auroc: float
    refused: float
    strangers: tuple[Stranger, ...]


def calibration(facts: Facts) -> Calibration:
    """The section. Raises KeyError if the run was not calibrated."""
    found = facts.report["calibration"]
    before, after = found["before"], found["after"]
    lines = [
        Line("before", reliability_points(before["bins"]), accent=False, dots=True),
        Line("after", reliability_points(after["bins"]), dots=True),
    ]
    lines = [line for line in lines if line.points]
    text = f"Reliability: calibration error {percent(before['ece'])} before and {percent(after['ece'])} after"
    return Calibration(
        found["temperature"], before["ece"], after["ece"], before["log_loss"], after["log_loss"],
        reliability_chart(lines, text), _calibration_sentence(found),
    )  # fmt: skip


def reliability_points(bins: Sequence[Json]) -> tuple[tuple[float, float], ...]:
    """Mean confidence and accuracy of the bins that have enough pictures to tell."""
    return tuple((float(b["confidence"]), float(b["accuracy"])) for b in bins if b["count"] >= LEAST_IN_BIN)


def unknown(facts: Facts) -> Unknown:
    """The section. Raises KeyError if no threshold was fitted."""
    found = facts.report["unknown"]
    threshold = found["threshold"]
    strangers = []
    for item in found.get("pictures", [])[:_SHOWN]:
        picture = read_picture(facts.folder, item["picture"], _SIDE)
        if picture:
            refused = item["probability"] < threshold
            strangers.append(Stranger(picture, item["answer"], percent(item["probability"]), refused))
    return Unknown(
        threshold, found["kept"], str(found["against"]), found["auroc"], found["refused"], tuple(strangers)
    )  # fmt: skip


def _calibration_sentence(found: Json) -> str:
    temperature = found["temperature"]
    if found.get("reason"):
        return f"The temperature was {found['reason']}."
    if temperature > 1.02:
        was = "The network was surer than right: its scores are divided by"
    elif temperature < 0.98:
        was = "The network was less sure than it could be: its scores are divided by"
    else:
        return "The network's probabilities needed next to no correction."
    return f"{was} {temperature:.2f} before they become probabilities, in the published model too."
