"""The process: loads the models, opens the ports, follows the files, and drains when it is told to stop."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from serving.model_server import assembly, quiet
from serving.model_server.batching.batcher import Batcher
from serving.model_server.errors import ServerError
from serving.model_server.flags import Settings
from serving.model_server.grpc_api.listener import GrpcListener
from serving.model_server.inference.predict import Runner
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.rest.api import RestApi
from serving.model_server.rest.listener import RestListener
from serving.model_server.session_bundle import session_bundle
from serving.model_server.versions import config
from serving.model_server.versions.config import ModelList
from serving.model_server.versions.core import Core

_LOG = logging.getLogger(__name__)
# Shorter than the 30 s after which Kubernetes kills what it has told to stop.
_DRAIN_S = 25.0


class StartError(Exception):
    """The server cannot start; the message says why in one sentence."""


def serve(settings: Settings, stop: threading.Event, *, started_s: float) -> None:
    """Runs until `stop` is set, then answers what is in flight.

    Args:
        settings: The flags.
        stop: Set by another thread or by a signal.
        started_s: When the process began, by the monotonic clock.

    Raises:
        StartError: A bad configuration, or a model that does not load.
        PortError: A port is in use.
    """
    # What is in memory by now stays: the collector need not look at TensorFlow's many objects again.
    gc.freeze()
    try:
        models, bundle, grpc = assembly.models(settings), session_bundle(settings), GrpcListener(settings)
        metrics, prometheus_path = Metrics(), assembly.prometheus_path(settings)
    except ServerError as error:
        raise StartError(f"Failed to start server. Error: {error.described}") from None
    quiet.start_runtime(bundle.session_config)
    run = assembly.runner(bundle, settings, metrics)
    manager = assembly.manager(settings, assembly.loader(bundle, settings, run, metrics))
    core = assembly.core(settings, manager)
    try:
        _follow_file_system(core, settings, stop)
        _load_initial_models(core, models, stop)
        if not stop.is_set():
            _follow_config_file(core, settings, stop)
            grpc.add_services(core, run, metrics)
            listeners = _open(grpc, _rest_api(settings, core, run, metrics, prometheus_path), settings)
            _LOG.info("ready after %.1f s", time.monotonic() - started_s)
            stop.wait()
            _drain(listeners, run)
    finally:
        manager.close()


def _load_initial_models(core: Core[Servable], models: ModelList | None, stop: threading.Event) -> None:
    """Returns when every model serves, or when told to stop."""
    try:
        core.start(models, abandoned=stop.is_set)
    except ServerError as error:
        if not stop.is_set():
            raise StartError(f"Failed to start server. Error: {error.described}") from None


def _rest_api(
    settings: Settings, core: Core[Servable], run: Runner, metrics: Metrics, prometheus_path: str | None
) -> RestApi:
    return RestApi(
        core,
        run,
        metrics,
        timeout_ms=settings.rest_api_timeout_in_ms,
        cors=settings.rest_api_enable_cors_support,
        prometheus_path=prometheus_path,
    )


def _open(grpc: GrpcListener, api: RestApi, settings: Settings) -> list[GrpcListener | RestListener]:
    """Answers from now on; gives what does."""
    listeners: list[GrpcListener | RestListener] = []
    if _offers_rest(settings):
        listeners.append(RestListener(api, settings))
        _LOG.info("Exporting HTTP/REST API at:localhost:%d ...", settings.rest_api_port)
    # The gRPC port opens last: who finds it open finds everything ready.
    listeners.append(grpc)
    for address in grpc.open():
        _LOG.info("Running gRPC ModelServer at %s ...", address)
    return listeners


def _drain(listeners: Sequence[GrpcListener | RestListener], run: Runner) -> None:
    _LOG.info("stopping: answering what is in flight, for %.0f s at most", _DRAIN_S)
    if isinstance(run, Batcher):
        # There is nothing left to wait for in a batch.
        run.close()
    drains = [threading.Thread(target=listener.drain, args=(_DRAIN_S,)) for listener in listeners]
    for drain in drains:
        drain.start()
    for drain in drains:
        drain.join()
    _LOG.info("stopped")


def _offers_rest(settings: Settings) -> bool:
    if settings.rest_api_port == settings.port:
        _LOG.error(
            "server_options.http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. "
            "Skipped exporting HTTP/REST API."
        )
    return settings.rest_api_port not in (0, settings.port)


def _follow_file_system(core: Core[Servable], settings: Settings, stop: threading.Event) -> None:
    if settings.file_system_poll_wait_seconds > 0:
        _every(settings.file_system_poll_wait_seconds, core.poll_file_system, stop, what="the look for new versions")


def _follow_config_file(core: Core[Servable], settings: Settings, stop: threading.Event) -> None:
    path, seconds = Path(settings.model_config_file), settings.model_config_file_poll_wait_seconds
    if settings.model_config_file and seconds > 0:
        _every(seconds, lambda: core.replace_models(config.read_model_list(path)), stop, what=f"{path} is not followed")


def _every(seconds: float, action: Callable[[], object], stop: threading.Event, *, what: str) -> None:
    """Does it again and again in a thread of its own; a failure is logged once, not at every turn, after `what`."""

    def repeat() -> None:
        complaint = ""
        while not stop.wait(seconds):
            try:
                action()
                failure = ""
            except ServerError as error:
                failure = error.described
            except Exception as fault:
                failure = f"{type(fault).__name__}: {fault}"
            if failure and failure != complaint:
                _LOG.error("%s: %s", what, failure)
            complaint = failure

    threading.Thread(target=repeat, daemon=True).start()
