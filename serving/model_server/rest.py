"""The REST edge: TensorFlow Serving's HTTP API over the core, as one WSGI application."""

from __future__ import annotations

import gzip
import json
import logging
import re
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2
from werkzeug.wrappers import Request, Response

from serving.model_server import errors, messages, rest_json, rest_render
from serving.model_server.core import Core, ModelSpec
from serving.model_server.errors import InvalidArgument, NotFound, ServerError, Unimplemented
from serving.model_server.predict import SERVING_DEFAULT, Runner, predict
from serving.model_server.servable import Servable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_LOG = logging.getLogger(__name__)

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"(?i){_MODEL}:(?P<method>classify|regress|predict)")
_GET = re.compile(rf"(?i){_MODEL}(?P<metadata>/metadata)?")

_STATUSES: dict[type[ServerError], int] = {
    errors.InvalidArgument: 400,
    errors.FailedPrecondition: 400,
    errors.NotFound: 404,
    errors.ResourceExhausted: 429,
    errors.Cancelled: 499,
    errors.Unimplemented: 501,
    errors.Unavailable: 503,
    errors.DeadlineExceeded: 504,
}


class RestApi:
    """The WSGI application."""

    def __init__(self, core: Core[Servable], run: Runner, *, timeout_ms: int) -> None:
        """Needs the core and what runs requests. `timeout_ms`: until a Predict is given up; 0: never."""
        self._core = core
        self._run = run
        self._timeout_ms = timeout_ms

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The response to a request; every error is ``{"error": "…"}``."""
        try:
            return _json(self._dispatch(request), 200)
        except ServerError as error:
            return _json(_error(str(error)), _STATUSES.get(type(error), 500))
        except Exception as fault:
            _LOG.exception("a REST call broke")
            return _json(_error(f"{type(fault).__name__}: {fault}"), 500)

    def _dispatch(self, request: Request) -> str:
        if not request.path.lower().startswith("/v1/"):
            raise NotFound(f"Not found: {request.path}. Expected /v1/models/NAME")
        pattern = {"POST": _POST, "GET": _GET}.get(request.method)
        match = pattern.fullmatch(request.path) if pattern else None
        if match is None:
            raise InvalidArgument(f"Malformed request: {request.method} {request.path}")
        spec = _spec(match)
        if request.method == "POST":
            return self._post(match["method"].lower(), spec, request)
        return self._metadata(spec) if match["metadata"] else self._status(spec)

    def _post(self, method: str, spec: ModelSpec, request: Request) -> str:
        if method != "predict":
            raise Unimplemented(f"This server answers :predict. Received: :{method}")
        document = rest_json.parse(_body(request))
        signature = rest_json.signature_name(document) or SERVING_DEFAULT
        with self._core.lease(spec) as lease:
            definition = lease.servable.signatures.get(signature)
            if definition is None:
                raise InvalidArgument(f'Serving signature name: "{signature}" not found in signature def')
            if not definition.inputs:
                raise InvalidArgument(f"Failed to get input map for signature: {signature}")
            body = rest_json.predict_body(document, definition.inputs)
            outputs = predict(lease.servable, signature, body.inputs, run=self._run, timeout_ms=self._timeout_ms)
        return rest_render.predictions(outputs) if body.by_row else rest_render.columns(outputs)

    def _status(self, spec: ModelSpec) -> str:
        return _message(messages.model_status(self._core.statuses(spec)))

    def _metadata(self, spec: ModelSpec) -> str:
        with self._core.lease(spec) as lease:
            response = messages.model_metadata(spec.name, lease.version, lease.servable.signatures)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[messages.SIGNATURE_DEF].Unpack(definitions)
        return (
            f'{{"model_spec": {_message(response.model_spec)}, '
            f'"metadata": {{"{messages.SIGNATURE_DEF}": {_message(definitions)}}}}}'
        )


def _spec(match: re.Match[str]) -> ModelSpec:
    version = match["version"]
    if version is not None and int(version) > 2**63 - 1:
        raise InvalidArgument(f"Failed to convert version: {version} to numeric.")
    return ModelSpec(match["name"], None if version is None else int(version), match["label"])


def _body(request: Request) -> bytes:
    body = request.get_data(cache=False)
    if request.headers.get("Content-Encoding", "").lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidArgument(f"Expected a gzip body, as Content-Encoding says. Received: {error}") from None


def _message(message: Any) -> str:
    text: str = json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return text


def _error(text: str) -> str:
    return json.dumps({"error": text}, ensure_ascii=False)


def _json(text: str, status: int) -> Response:
    return Response(text, status=status, content_type="application/json")
