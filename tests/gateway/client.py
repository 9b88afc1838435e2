"""A client of the application, which is served for it by a real HTTP server in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from typing import Any, Self

import requests
import uvicorn

from gateway.asgi import Application
from gateway.connection import Connection
from gateway.settings.settings import Settings
from tests.processes import wait_until


class Client:
    """Asks one application; paths are its own."""

    def __init__(self, application: Application) -> None:
        config = uvicorn.Config(
            application,
            http=Connection,
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._session = requests.Session()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def get(self, path: str, **options: Any) -> requests.Response:
        """GETs; options as `requests` takes them."""
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """POSTs; options as `requests` takes them."""
        return self.ask("POST", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Asks by any method."""
        return self._session.request(method, self.url + path, timeout=30, **options)

    def stop(self) -> None:
        """Has the server stop, as after SIGTERM; does not wait for it."""
        self._server.should_exit = True

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), what="the application's start")
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self.stop()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._server.serve(sockets=[self._socket]))


def client_of(environ: Mapping[str, str]) -> Client:
    """A client of an application with these settings."""
    return Client(Application(Settings.from_env(environ)))
