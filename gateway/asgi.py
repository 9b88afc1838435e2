"""The application: classifications in the event loop, everything else by Flask in threads, a record around both."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from contract.aio import AsyncServingClient
from contract.errors import ServingError
from gateway.admission.credentials import OPEN_PATHS
from gateway.admission.door import Door
from gateway.admission.gate import Buffered
from gateway.admission.keys import ApiKeys
from gateway.admission.proxies import seen
from gateway.admission.rate_limit import RateLimiter
from gateway.api import endpoint
from gateway.api.body import buffered, nothing
from gateway.api.error_reply import error_reply
from gateway.api.request import Receive, Request, Scope, Send
from gateway.api.sending import Observed
from gateway.errors import OUTCOMES, ClientGone, GatewayError
from gateway.memory import Tidying
from gateway.observe.record import RequestRecord
from gateway.services import Services, running
from gateway.settings.parse import Network
from gateway.settings.settings import Settings
from gateway.upstream.breaker import WatchedModelServer
from gateway.web.app import create_app
from gateway.web.hooks import ERROR, RECORD
from gateway.web.portal import Portal

_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_LARGE_BYTES = 1 << 20
_PROBE_THREADS = 2
MakeClient = Callable[[Settings], WatchedModelServer]


def _client(settings: Settings) -> WatchedModelServer:
    return AsyncServingClient(settings.serving, timeout_s=settings.timeout_s)


class Application:
    """An ASGI application. Its parts are made at its start, in the event loop that serves it."""

    def __init__(
        self, settings: Settings, make_client: MakeClient = _client, limiter: RateLimiter | None = None
    ) -> None:
        """Raises SettingsError if the file of API keys cannot be used."""
        self._settings = settings
        self._make_client = make_client
        keys = ApiKeys(settings.api_keys_file) if settings.api_keys_file else None
        self._door = Door(keys, limiter)
        self._parts: Services | None = None
        self._flask: Any = None
        self._probes: Any = None
        self._tidying = Tidying()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or starts and stops."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with running(self._settings, self._make_client(self._settings), self._door) as self._parts:
            # Typed for one library's own messages, where everybody else's are mappings.
            flask: Any = create_app(Portal(self._parts, asyncio.get_running_loop()))
            self._flask = WSGIMiddleware(flask, workers=self._settings.threads)
            # Threads of their own: probes must not wait until slow pages are done, or the process would seem dead.
            self._probes = WSGIMiddleware(flask, workers=_PROBE_THREADS)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = cast("Services", self._parts)
        request = Request.of(scope, receive)
        record = scope[RECORD] = _record(request, scope, self._settings.trusted_proxies)
        if services.tracing is not None:
            services.tracing.begin(record, request.headers)
        observed = Observed(send, record)
        try:
            await self._answer(services, request, scope, observed)
        except ClientGone as error:
            observed.status = OUTCOMES[type(error)].status
            record.code = OUTCOMES[type(error)].code
        except Exception as error:
            reply = error_reply(error, record)
            if observed.status:
                raise
            await reply.send(observed)
        finally:
            services.recorder.finish(record, observed.status)
            # The scope lives as long as its connection has no other request: the pictures must not.
            del scope[RECORD]
            scope.pop(ERROR, None)
            if record.received_bytes:
                self._tidying.soon(large=record.received_bytes > _LARGE_BYTES)

    async def _answer(self, services: Services, request: Request, scope: Scope, send: Observed) -> None:
        answer = self._classify if request.path == endpoint.PATH else self._show
        with ExitStack() as held:
            upload = held.enter_context(services.gate.upload())
            try:
                await answer(_Exchange(services, request, scope, scope[RECORD], send, upload, held))
            finally:
                scope[RECORD].received_bytes = upload.received_bytes

    async def _classify(self, exchange: _Exchange) -> None:
        record = exchange.record
        record.route = endpoint.PATH
        try:
            exchange.let_in()
            reply = await endpoint.classify(exchange.request, exchange.services, record, exchange.upload, exchange.held)
        except ClientGone:
            raise
        except Exception as error:
            reply = error_reply(error, record)
            exchange.failed(error)
        if exchange.scope["http_version"] == "1.0":
            reply = await reply.whole()
        await reply.send(exchange.send)

    async def _show(self, exchange: _Exchange) -> None:
        body: Receive = nothing
        try:
            exchange.let_in()
            body = await buffered(exchange.request, self._settings.max_body_bytes, exchange.upload.hold)
        except ClientGone:
            raise
        except Exception as error:
            # Flask has the page that tells it.
            exchange.scope[ERROR] = error
            exchange.failed(error)
        flask = self._probes if exchange.request.path in OPEN_PATHS else self._flask
        await flask(exchange.scope, body, exchange.send)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request being answered, with the account of its bytes and what is given back in the end."""

    services: Services
    request: Request
    scope: Scope
    record: RequestRecord
    send: Observed
    upload: Buffered
    held: ExitStack

    def let_in(self) -> None:
        """Raises Unauthorized."""
        self.record.key_name = self.services.door.name_of(self.request.path, self.request.headers)

    def failed(self, error: Exception) -> None:
        """Lets go of what was uploaded: neither its bytes nor the frames that hold them are needed any more."""
        self.upload.release()
        if isinstance(error, GatewayError | ServingError):
            error.__traceback__ = None
        # A client that waits for leave to send its body may send it or not: what comes next is anybody's guess.
        self.send.last = "expect" in self.request.headers and self.upload.received_bytes == 0


def _record(request: Request, scope: Scope, trusted: Sequence[Network]) -> RequestRecord:
    """What is known of a request at its beginning. The scope is put as the client sees it from before the proxies."""
    given = request.headers.get("x-request-id", "")
    request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(16)
    peer = scope.get("client")
    client = seen(
        trusted,
        peer[0] if peer else None,
        scope["scheme"],
        forwarded_for=request.headers.get("x-forwarded-for", ""),
        forwarded_proto=request.headers.get("x-forwarded-proto", ""),
        forwarded_prefix=request.headers.get("x-forwarded-prefix", ""),
    )
    scope["scheme"], scope["root_path"] = client.scheme, client.prefix
    return RequestRecord(request_id, request.method, request.path, client.client)
