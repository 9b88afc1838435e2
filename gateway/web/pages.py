"""The pages: upload, results, a model, errors. One template makes a result with and without JavaScript."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, send_file

from contract.card import CardError, ModelCard
from contract.errors import ServingError
from gateway.api.answer_csv import answer_csv
from gateway.api.answer_json import answer_json
from gateway.api.negotiate import CONTENT_TYPES, FOR_PEOPLE, negotiate
from gateway.api.options import gather, read_options
from gateway.classify.answer import Answer
from gateway.errors import EveryImageBad, GatewayError, Outcome, Unauthorized, outcome_of
from gateway.upstream.model_server import Deadline
from gateway.versions.resolve import Resolved, Wanted
from gateway.web import curl, samples, servables
from gateway.web.classification import PICTURES, classify_request
from gateway.web.hooks import record
from gateway.web.model_page import model_page
from gateway.web.portal import run, services
from gateway.web.results import BARS_AT_ONCE, result_cards

blueprint = Blueprint("pages", __name__)

# The page's own script asks for the results alone and puts them where they belong.
_FRAGMENT_HEADER = "X-Requested-With"
_HEADER_TIMEOUT_S = 2.0
_SAMPLE_AGE_S = 600


@blueprint.get("/")
def upload() -> str:
    """The upload page; `model` with `version` or `label` in the query chooses."""
    return _page(_wanted())


@blueprint.post("/")
def results() -> Response:
    """The results of a form post: the page, a table, JSON, or the cards alone for the page's own script."""
    answer, options = classify_request()
    chosen = negotiate(request.headers.get("Accept"), options.format, FOR_PEOPLE)
    if chosen == "csv":
        return _download(answer_csv(answer, options), "csv")
    if chosen == "json":
        return _download(answer_json(answer, options, record().request_id), "json")
    return make_response(_page(options.wanted, answer=answer, explain=options.explain))


@blueprint.get("/models/<name>")
def model(name: str) -> str:
    """What a model's card tells; `version` or `label` in the query chooses the version."""
    wanted = Wanted(name, _wanted().version, _wanted().label)
    deadline = Deadline(services().settings.timeout_s)
    resolved, card = run(services().resolver.resolve(wanted, deadline))
    described = run(services().catalogue.model(name, deadline))
    return render_template("model.html", resolved=resolved, card=card, model=described, shown=model_page(card))


@blueprint.get("/samples/<name>/<int:version>/<int:number>")
def sample(name: str, version: int, number: int) -> Response:
    """A picture to try a version with."""
    (found,) = samples.find(services().settings.repository, f"{name}/{version}/{number}")
    return send_file(found.path.resolve(), "image/png", max_age=_SAMPLE_AGE_S)


def render_error(outcome: Outcome, error: Exception) -> str:
    """The page with a notice; with the refused files' cards, if that is what went wrong."""
    if isinstance(error, Unauthorized):
        # What is served is nobody's business who has no key; nor do they get the page's styles.
        return render_template("closed.html", notice=outcome, request_id=record().request_id)
    answer = error.answer if isinstance(error, EveryImageBad) else None
    # Nothing that the request wished for: it may be what could not be read.
    return _page(Wanted(answer.resolved.model) if answer else Wanted(), answer=answer, notice=outcome)


def _wanted() -> Wanted:
    return read_options(gather(request.args.items(multi=True))).wanted


def _download(body: bytes, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="vitrine.{kind}"'}
    return Response(body, content_type=CONTENT_TYPES["csv" if kind == "csv" else "json"], headers=headers)


def _page(wanted: Wanted, *, answer: Answer | None = None, notice: Outcome | None = None, explain: bool = False) -> str:
    limits = services().settings
    alone = request.headers.get(_FRAGMENT_HEADER) == "fetch"
    # Read only if there is an answer: what cannot be read may be the form.
    pictures = not (alone and answer and request.form.get(PICTURES) == "own")
    cards = result_cards(answer, limits.max_pixels, pictures=pictures) if answer else []
    shown: dict[str, Any] = {"answer": answer, "cards": cards, "notice": notice, "bars_at_once": BARS_AT_ONCE}
    shown["request_id"] = record().request_id
    if alone:
        return render_template("fragment.html", **shown)
    head, trouble = _head(wanted, answer)
    if answer:
        names = [one.filename for one in answer.uploads]
        shown["command"] = curl.command(request.url_root, wanted, names, explain=explain)
    found = samples.samples(limits.repository, head[0].model, head[0].version) if head else []
    choices = _choices() if head else servables.names_alone(services().resolver.model_names())
    selected = servables.query_of(wanted)
    return render_template(
        "page.html",
        head=head,
        trouble=trouble,
        samples=found,
        choices=choices,
        selected=selected,
        explain=explain,
        limits=limits,
        **shown,
    )


def _head(wanted: Wanted, answer: Answer | None) -> tuple[tuple[Resolved, ModelCard] | None, Outcome | None]:
    """What answered, or would answer now, for the page's head, or why nothing would."""
    if answer:
        return (answer.resolved, answer.card), None
    try:
        return run(services().resolver.resolve(wanted, Deadline(_HEADER_TIMEOUT_S))), None
    except (GatewayError, ServingError, CardError) as error:
        return None, outcome_of(error)


def _choices() -> list[servables.Choices]:
    """What there is to choose between; the names alone where the model server does not tell more."""
    try:
        return servables.choices(run(services().catalogue.models(Deadline(_HEADER_TIMEOUT_S))))
    except ServingError:
        return servables.names_alone(services().resolver.model_names())
