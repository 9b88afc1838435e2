"""``POST /api/v1/classify``: from a request to its reply."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from gateway.admission.door import Meter
from gateway.admission.gate import Buffered
from gateway.api.answer_csv import answer_csv
from gateway.api.answer_json import answer_json
from gateway.api.asked import read_request
from gateway.api.multipart import OptionsChanged
from gateway.api.negotiate import CONTENT_TYPES, negotiate
from gateway.api.options import Options
from gateway.api.request import Reply, Request
from gateway.api.streaming import streamed
from gateway.classify.answer import Question, Stage
from gateway.classify.job import Arriving, at_once
from gateway.errors import EveryImageBad, MethodNotAllowed
from gateway.observe.record import RequestRecord
from gateway.services import Services

PATH = "/api/v1/classify"


async def classify(
    request: Request, services: Services, record: RequestRecord, upload: Buffered, held: ExitStack
) -> Reply:
    """Answers with JSON, CSV or, line by line, ndjson. Raises what `gateway.errors.OUTCOMES` lists.

    Args:
        request: What is asked.
        services: Who answers.
        record: Of the request.
        upload: The account of its bytes.
        held: Takes the request's place, to be given back when the reply is sent.
    """
    if request.method != "POST":
        raise MethodNotAllowed(f"Expected POST. Received: {request.method[:20]}")
    held.enter_context(services.gate.entered())
    asked = await read_request(request, services.settings, upload.hold)
    meter = services.door.meter(record.key_name, record.client)
    answering = _Answering(services, record, request.headers.get("accept"))
    try:
        return await answering.reply(_metered(asked.arriving, meter), asked.options)
    except OptionsChanged:
        # Rare, and dear only for large uploads: options that follow the pictures may choose another model.
        uploads, options = await asked.to_the_end()
        meter.seen(len(uploads))
        return await answering.reply(at_once(uploads), options)


@dataclass(slots=True)
class _Answering:
    services: Services
    record: RequestRecord
    accept: str | None

    async def reply(self, arriving: Arriving, options: Options) -> Reply:
        form = negotiate(self.accept, options.format)
        record = self.record
        question = Question(options.wanted, options.explain, record.request_id, record.trace, record.caller)
        record.trail = question.trail
        if form == "ndjson":
            stream = self.services.classifier.stream(arriving, question)
            return await streamed(stream, options, self.record)
        try:
            answer = await self.services.classifier.classify(arriving, question)
        except EveryImageBad as error:
            self.record.answer = error.answer
            raise
        self.record.answer = answer
        started = time.perf_counter()
        body = answer_csv(answer, options) if form == "csv" else answer_json(answer, options, self.record.request_id)
        self.record.rendered = Stage("render", started, time.perf_counter(), len(answer.results))
        return Reply(200, CONTENT_TYPES[form], body)


async def _metered(arriving: Arriving, meter: Meter) -> Arriving:
    """The same pictures, charged to the client before they are decoded."""
    count = 0
    async for uploads in arriving:
        count += len(uploads)
        meter.seen(count)
        yield uploads
