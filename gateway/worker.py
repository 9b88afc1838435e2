"""gunicorn's worker: uvicorn's event loop, configured for what stands behind it."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from gateway.observe import logs


class Worker(UvicornWorker):  # type: ignore[misc]
    """One process, one event loop."""

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

    def init_process(self) -> None:
        """Serves until it is told to stop."""
        # No event loop waits for whoever reads the log. Threads do not survive a fork, so not before.
        logs.STDERR.start()
        super().init_process()
