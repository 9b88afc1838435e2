"""The page: upload, results, errors. One template makes it with and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from contract.card import CardError, ImageSpec
from contract.errors import ServingError
from gateway.classify.decoding import Refusal, Upload
from gateway.classify.pipeline import Answer, Scores
from gateway.errors import EveryImageBad, GatewayError, Outcome, outcome_of
from gateway.upstream.model_server import Deadline
from gateway.versions.resolve import Wanted
from gateway.web.answers import ranking
from gateway.web.hooks import record
from gateway.web.models import classify_request
from gateway.web.pictures import heatmap_uri, thumbnail
from gateway.web.services import services

blueprint = Blueprint("pages", __name__)

BARS_AT_ONCE = 5
# A thousand classes on each of a hundred cards would be a page that no browser likes; the API gives them all.
BARS_AT_MOST = 100
# The page's own script asks for the results alone and puts them where they belong.
_FRAGMENT_HEADER = "X-Requested-With"
_HEADER_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Bar:
    """One class: its label and its probability from 0 to 100."""

    label: str
    percent: float

    @property
    def shown(self) -> str:
        """The percentage as text; what is not quite 0 or 100 is not shown as such."""
        if 0 < self.percent < 0.05:
            return "< 0.1%"
        if 99.95 <= self.percent < 100:
            return "> 99.9%"
        return f"{self.percent:.1f}%"


@dataclass(frozen=True)
class ResultCard:
    """One picture's place on the results page."""

    filename: str
    refusal: str = ""
    thumbnail: str = ""
    heatmap: str = ""
    bars: list[Bar] = field(default_factory=list)
    hidden: int = 0

    @property
    def tiny(self) -> bool:
        """True if the thumbnail is to be shown pixel by pixel."""
        return self.thumbnail.startswith("data:image/png")


@blueprint.get("/")
def upload() -> str:
    """The upload page."""
    return _page()


@blueprint.post("/")
def results() -> Response:
    """The results of a form post: the page, or the results alone for the page's own script."""
    answer, _ = classify_request()
    return make_response(_page(answer=answer))


def render_error(outcome: Outcome, error: Exception) -> str:
    """The page with a notice; with the refused files' cards, if that is what went wrong."""
    answer = error.answer if isinstance(error, EveryImageBad) else None
    return _page(answer=answer, notice=outcome)


def _page(answer: Answer | None = None, notice: Outcome | None = None) -> str:
    shown: dict[str, Any] = {"answer": answer, "cards": result_cards(answer) if answer else [], "notice": notice}
    shown |= {"request_id": record().request_id, "bars_at_once": BARS_AT_ONCE}
    if request.headers.get(_FRAGMENT_HEADER) == "fetch":
        return render_template("results.html", **shown)
    limits = services().settings
    model, trouble = _model_header(answer)
    names = services().resolver.model_names()
    return render_template("page.html", model=model, trouble=trouble, names=names, limits=limits, **shown)


def _model_header(answer: Answer | None) -> tuple[dict[str, object] | None, Outcome | None]:
    """What would answer now, for the page's head, or why nothing would."""
    # The query, never the form: the form may be what could not be read.
    wanted = Wanted(answer.resolved.model if answer else request.args.get("model") or None)
    try:
        resolved, card = services().resolver.resolve(wanted, Deadline(_HEADER_TIMEOUT_S))
    except (GatewayError, ServingError, CardError) as error:
        return None, outcome_of(error)
    return {"resolved": resolved, "card": card}, None


def result_cards(answer: Answer) -> list[ResultCard]:
    """A card for each upload, in its order."""
    pairs = zip(answer.uploads, answer.results, strict=True)
    return [_card(upload, result, answer) for upload, result in pairs]


def _card(upload: Upload, result: Scores | Refusal, answer: Answer) -> ResultCard:
    if isinstance(result, Refusal):
        return ResultCard(upload.filename, refusal=result.message)
    best = ranking(result)
    bars = [Bar(answer.card.labels[index], 100 * float(result.probabilities[index])) for index in best[:BARS_AT_MOST]]
    explained = result.heatmap is not None
    return ResultCard(
        upload.filename,
        thumbnail=_thumbnail(upload, answer.card.image if explained else None),
        heatmap=heatmap_uri(result.heatmap) if result.heatmap is not None else "",
        bars=bars,
        hidden=len(best) - len(bars),
    )


def _thumbnail(upload: Upload, seen_by: ImageSpec | None) -> str:
    return thumbnail(upload.data, seen_by=seen_by, max_pixels=services().settings.max_pixels)
