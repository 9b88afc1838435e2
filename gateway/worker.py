"""gunicorn's worker: uvicorn's event loop, configured for what stands behind it."""

from __future__ import annotations

import gc
import os
import signal
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from gateway.observe import logs

# Before gunicorn kills a worker that is asked to stop, it ends by itself, and keeps its last counts and lines.
_EARLY_S = 2


class Worker(UvicornWorker):  # type: ignore[misc]
    """One process, one event loop."""

    sockets: list[Any]
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "gateway.connection:Connection",
        "lifespan": "on",
        "ws": "none",
        "access_log": False,
        "server_header": False,
        # Our own reading of X-Forwarded-For and its kin believes nobody by default.
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.timeout_graceful_shutdown = max(1, self.cfg.graceful_timeout - _EARLY_S)

    def init_process(self) -> None:
        """Serves until it is told to stop."""
        # No event loop waits for whoever reads the log. Threads do not survive a fork, so not before.
        logs.STDERR.start()
        super().init_process()

    def run(self) -> None:
        """Serves, and ends the process."""
        # The event loop closes its sockets, which gunicorn's wrappers around them would do again.
        self.sockets = [listener.sock for listener in self.sockets]
        # Having stopped, uvicorn repeats the signal, which by default would end the process on the spot.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        # What is imported by now stays: nobody needs to look through it for garbage, again and again.
        gc.collect()
        gc.freeze()
        super().run()


def _end(*_: object) -> None:
    """Ends the process with the last line of its log written, not waiting for threads that decode for nobody."""
    logs.STDERR.stop()
    os._exit(0)
