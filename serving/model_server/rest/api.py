"""The REST edge: TensorFlow Serving's HTTP API over the core. It knows requests and responses, and no socket."""

from __future__ import annotations

import logging
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from serving.model_server import errors, messages
from serving.model_server.errors import DeadlineExceeded, InvalidArgument, ServerError
from serving.model_server.inference.classify import classify
from serving.model_server.inference.predict import SERVING_DEFAULT, Runner, predict
from serving.model_server.inference.regress import regress
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.rest import json_examples, json_request, render
from serving.model_server.rest.messages import DEFAULT_TYPE, JSON, TEXT, Request, Response, error_page
from serving.model_server.rest.route import Route, Target, malformed, route, split
from serving.model_server.versions.core import Core, ModelSpec

_LOG = logging.getLogger(__name__)

_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)
_ORIGIN = re.compile("https?://")
_MOST_UNCOMPRESSED = 100 * 2**20
_LARGE = 2**20
# As TensorFlow says it of a run.
_TIMED_OUT = "Timed out waiting for notification"

_STATUSES: dict[str, int] = {
    errors.InvalidArgument.status: 400,
    errors.FailedPrecondition.status: 400,
    errors.OutOfRange.status: 400,
    errors.PermissionDenied.status: 403,
    errors.NotFound.status: 404,
    errors.Aborted.status: 409,
    errors.AlreadyExists.status: 409,
    errors.ResourceExhausted.status: 429,
    errors.Cancelled.status: 499,
    errors.Unimplemented.status: 501,
    errors.Unavailable.status: 503,
    errors.DeadlineExceeded.status: 504,
}


class RestApi:
    """Answers requests. Thread-safe."""

    def __init__(
        self,
        core: Core[Servable],
        run: Runner,
        metrics: Metrics,
        *,
        timeout_ms: int,
        cors: bool = False,
        prometheus_path: str | None = None,
    ) -> None:
        """Needs the core, what runs requests, and what counts them.

        Args:
            core: The models.
            run: What runs a checked request.
            metrics: Counts and times every request.
            timeout_ms: Until a request is given up, from its arrival to the end of its run; 0 or less: never.
            cors: Let pages of other origins read the answers.
            prometheus_path: Where to show the metrics; None: nowhere.
        """
        self._core = core
        self._run = run
        self._metrics = metrics
        self._timeout_ms = max(timeout_ms, 0)
        self._large = threading.Lock()
        self._cors = _CORS if cors else ()
        self._prometheus_path = prometheus_path

    def answer(self, request: Request) -> Response:
        """The response to a request; every error of the API is ``{"error": "…"}``."""
        target = split(request.target)
        if target is None:
            return error_page(400)
        if target.path == self._prometheus_path:
            return self._prometheus(target)
        if target.whole[:4].lower() != "/v1/":
            return error_page(404)
        started_s = time.perf_counter()
        if self._cors and request.method == "OPTIONS":
            model, api, status, response = "", "", *self._preflight(request)
        else:
            model, api, status, response = self._call(request, target)
        self._metrics.record_request(model, status, api=api, entrypoint="REST", started_s=started_s)
        return response

    def _call(self, request: Request, target: Target) -> tuple[str, str, str, Response]:
        """The model's name, the method, the canonical status, and the response."""
        model = method = ""
        headers = (JSON, *self._cors)
        try:
            asked = route(request.method, target.whole)
            model, method = asked.spec.name, asked.method
            return model, method, "OK", Response(200, self._dispatch(asked, request, target).encode(), headers)
        except ServerError as error:
            status, text = error.status, str(error)
        except Exception as fault:
            _LOG.exception("a REST call broke")
            status, text = errors.Internal.status, f"{type(fault).__name__}: {fault}"
        body = render.error(text).encode(errors="replace")
        return model, method, status, Response(_STATUSES.get(status, 500), body, headers)

    def _dispatch(self, asked: Route, request: Request, target: Target) -> str:
        if request.method == "GET":
            if not asked.spec.name:
                raise InvalidArgument("Missing model name in request.")
            return self._metadata(asked.spec) if asked.metadata else self._status(asked.spec)
        if asked.method == "predict":
            return self._predict(asked.spec, request)
        if asked.method == "classify":
            return render.classifications(self._infer("Classify", classify, asked.spec, request))
        if asked.method == "regress":
            return render.regressions(self._infer("Regress", regress, asked.spec, request))
        # The path may be in capitals, but not the method in it.
        raise malformed(request.method, target.whole)

    def _predict(self, spec: ModelSpec, request: Request) -> str:
        with ExitStack() as held:
            with self._room(request) as body:
                document = json_request.parse(body)
                signature = json_request.signature_name(document)
                name = signature or SERVING_DEFAULT
                servable = held.enter_context(self._core.lease(spec)).servable
                definition = servable.signatures.get(name)
                if definition is None:
                    raise InvalidArgument(f'Serving signature name: "{name}" not found in signature def')
                if not definition.inputs:
                    raise InvalidArgument(f"Failed to get input map for signature: {signature or 'DEFAULT'}")
                parsed = json_request.predict_body(document, definition.inputs)
                del document
            run = self._metrics.timed(self._run, spec.name, "Predict")
            outputs = predict(servable, name, parsed.inputs, run=run, timeout_ms=self._left_ms(request))
        return render.predictions(outputs) if parsed.by_row else render.columns(outputs)

    def _infer(self, api: str, method: Callable[..., Any], spec: ModelSpec, request: Request) -> Any:
        """The result message of a Classify or Regress."""
        with self._room(request) as body:
            document = json_request.parse(body)
            signature = json_request.signature_name(document) or SERVING_DEFAULT
            examples = json_examples.read(document)
            del document
        run = self._metrics.timed(self._run, spec.name, api)
        with self._core.lease(spec) as lease:
            result = method(lease.servable, signature, examples, run=run, timeout_ms=self._left_ms(request))
        self._metrics.record_examples(spec.name, examples)
        return result

    @contextmanager
    def _room(self, request: Request) -> Iterator[bytes]:
        """The content, to be read within. Large ones are read one at a time: parsed, each takes 30 times its length.

        Raises:
            DeadlineExceeded: The others before it take too long.
        """
        body = _body(request)
        if len(body) < _LARGE:
            yield body
            return
        left_ms = self._left_ms(request)
        if not self._large.acquire(timeout=left_ms / 1e3 if left_ms else -1):
            raise DeadlineExceeded(_TIMED_OUT)
        try:
            yield body
        finally:
            self._large.release()

    def _left_ms(self, request: Request) -> int:
        """Milliseconds until a request is given up; 0: never. Raises DeadlineExceeded if that is now."""
        if not self._timeout_ms:
            return 0
        left_ms = self._timeout_ms - int((time.perf_counter() - request.arrived_s) * 1e3)
        if left_ms <= 0:
            raise DeadlineExceeded(_TIMED_OUT)
        return left_ms

    def _status(self, spec: ModelSpec) -> str:
        return render.message(messages.model_status(self._core.statuses(spec)))

    def _metadata(self, spec: ModelSpec) -> str:
        with self._core.lease(spec) as lease:
            response = messages.model_metadata(spec.name, lease.version, lease.servable.signatures)
        return render.metadata(response)

    def _preflight(self, request: Request) -> tuple[str, Response]:
        """A browser's question whether it may call."""
        known = _ORIGIN.search(request.headers.get("origin", "")) is not None
        status = "OK" if known else errors.FailedPrecondition.status
        return status, Response(200 if known else 400, b"", (*self._cors, DEFAULT_TYPE))

    def _prometheus(self, target: Target) -> Response:
        if target.whole != self._prometheus_path:
            text = f"Unexpected path: {target.whole}. Should be {self._prometheus_path}"
            return Response(400, text.encode(), (TEXT,))
        return Response(200, self._metrics.text(), (TEXT,))


def _body(request: Request) -> bytes:
    """The content, unpacked if it says that it is packed; empty, as in TensorFlow Serving, if that fails."""
    if "gzip" not in request.headers.get("content-encoding", ""):
        return request.body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = unpacker.decompress(request.body, _MOST_UNCOMPRESSED)
    except zlib.error:
        return b""
    return body if unpacker.eof and not unpacker.unused_data else b""
