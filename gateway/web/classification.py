"""A form post of pictures, answered for the page."""

from __future__ import annotations

from collections.abc import Iterator

from flask import request

from gateway.api.options import IMAGES, Options, check_name, clean_filename, gather, read_options, read_query
from gateway.classify.answer import Answer, Question, Upload
from gateway.classify.job import at_once
from gateway.errors import EveryImageBad, NoImage
from gateway.observe.record import RequestRecord
from gateway.services import Services
from gateway.web import samples
from gateway.web.hooks import record
from gateway.web.portal import run, services

# Fields of the page's form that are no options of the API.
SERVABLE = "servable"
SAMPLE = "sample"
PICTURES = "pictures"


def classify_request() -> tuple[Answer, Options]:
    """Answers the current request's upload. Raises as `Classifier.classify` does."""
    current = record()
    options = read_options(gather(request.args.items(multi=True), _fields()))
    uploads = _uploads()
    try:
        current.answer = run(_classify(services(), uploads, options, current))
    except EveryImageBad as error:
        current.answer = error.answer
        raise
    return current.answer, options


async def _classify(parts: Services, uploads: list[Upload], options: Options, current: RequestRecord) -> Answer:
    parts.door.meter(current.key_name, current.client).seen(len(uploads))
    question = Question(options.wanted, options.explain, current.request_id, current.trace, current.caller)
    current.trail = question.trail
    with parts.gate.entered():
        return await parts.classifier.classify(at_once(uploads), question)


def _fields() -> Iterator[tuple[str, str]]:
    """The form's options. What is chosen in one list there, ``model=digits&label=stable``, is two of them."""
    for name, text in request.form.items(multi=True):
        if name == SERVABLE:
            yield from read_query(text)
        elif name not in {SAMPLE, PICTURES}:
            yield name or "", text  # A part of a form may have no name, whatever its type says.


def _uploads() -> list[Upload]:
    """The files of the form, in its order, or the samples in their place.

    Raises:
        NoImage: It names what came instead.
        UnknownSample: As `samples.find`.
    """
    for name in request.files:
        check_name(name or "", file=True)
    sample = request.form.get(SAMPLE)
    if sample is not None:
        return [one.read() for one in samples.find(services().settings.repository, sample)]
    # A form that is sent with nothing chosen holds one nameless, empty file.
    files = [file for file in request.files.getlist(IMAGES) if file.filename]
    if not files:
        came = ", ".join(sorted(request.form)[:5]) or "nothing"
        raise NoImage(f"Expected at least one picture in the multipart field '{IMAGES}'. Received: {came}")
    return [Upload(clean_filename(file.filename or ""), file.read()) for file in files]
