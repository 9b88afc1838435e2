"""gunicorn around the application: worker processes, each with an event loop and a channel made after the fork."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from gateway import memory
from gateway.admission.keys import ApiKeys
from gateway.admission.rate_limit import RateLimiter
from gateway.observe import logs, tracing
from gateway.settings.settings import Settings

if TYPE_CHECKING:
    from gateway.asgi import Application

# As prometheus_client names it; importing it here would fix its mode before the folder is known.
_METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_BACKLOG = 512
_GRACE_S = 5


class PortUnavailable(Exception):
    """The address cannot be listened on; the message is one sentence."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortUnavailable, saying what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]
        raise PortUnavailable(
            f"Cannot listen on {host}:{port}: {reason}. "
            "Stop what listens there, or choose another VITRINE_HOST or VITRINE_PORT."
        ) from None


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests in flight.

    Raises:
        SettingsError: The keys cannot be read, or traces not be sent.
        PortUnavailable: Something else listens there.
    """
    tracing.check(settings, os.environ)
    if settings.api_keys_file:
        ApiKeys(settings.api_keys_file)  # Refused here, in one sentence, rather than by each worker.
    memory.limit_arenas()
    logging.captureWarnings(True)  # Pillow's remarks on odd pictures are lines of the log like all others.
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    launcher = os.getpid()
    metrics_dir = tempfile.mkdtemp(prefix="vitrine-metrics-")
    os.environ[_METRICS_DIR] = metrics_dir
    shown = "localhost" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host
    print(f"Vitrine's gateway is at http://{shown}:{port}, its model server at {settings.serving}", file=sys.stderr)
    try:
        _Server(settings, listener.detach()).run()
    finally:
        # A worker, forked inside the block, leaves it by the same door.
        if os.getpid() == launcher:
            shutil.rmtree(metrics_dir, ignore_errors=True)


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by our settings alone: neither its command line nor its files are read."""

    def __init__(self, settings: Settings, listener: int) -> None:
        self._settings = settings
        self._listener = listener
        # Shared by the workers, so it is made before they are.
        self._limiter = RateLimiter(settings.rate_limit) if settings.rate_limit else None
        super().__init__()

    def load_config(self) -> None:
        """Fills gunicorn's settings."""
        settings = self._settings
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener}",
            "workers": settings.workers,
            "worker_class": "gateway.worker.Worker",
            # A worker whose event loop stands still for so long is killed.
            "timeout": 30,
            "graceful_timeout": int(settings.timeout_s) + _GRACE_S,
            # Longer than the usual 60 s of a proxy in front, which would else meet closed connections.
            "keepalive": 65,
            "logconfig_dict": logs.config(settings.log_level),
            "child_exit": _child_exit,
            "control_socket_disable": True,
        }
        # Heartbeats go to a file; on a slow disk they would stall the worker.
        if Path("/dev/shm").is_dir():  # noqa: S108
            options["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """The application, made in the worker. Imported there too, after the metrics' folder is set."""
        from gateway.asgi import Application

        return Application(self._settings, limiter=self._limiter)


def _child_exit(_server: Any, worker: Any) -> None:
    """Takes a dead worker's gauges out of the sum; its counters stay, for what it did was done."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
