"""The command ``python -m serving.model_server``."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
import time
from types import FrameType

from serving.model_server import command_line, flags, ports, quiet

_LOG = logging.getLogger("serving.model_server")
# The official server's -1.
_CANNOT_START = 255
_OPEN_FILES = 65_536


def main() -> int:
    """Serves until SIGTERM or SIGINT. Gives the exit status: 0 when told to stop, 255 when it cannot start."""
    started_s, arguments = time.monotonic(), sys.argv[1:]
    if "--help" in arguments:
        print(command_line.usage())
        return 0
    try:
        settings = command_line.parse(arguments)
        if settings.version:
            print(command_line.versions())
            return 0
        ports.check(settings)
    except (command_line.FlagError, ports.PortError) as error:
        return _refuse(error)
    stop = _stop_on_signals()
    quiet.configure_logging()
    _announce(settings)
    _allow_open_files()
    quiet.import_tensorflow()
    # Only now: these import TensorFlow, which must have been silenced before.
    from serving.model_server.server import StartError, serve

    try:
        serve(settings, stop, started_s=started_s)
    except (StartError, ports.PortError) as error:
        return _refuse(error)
    except Exception:
        _LOG.exception("the server broke")
        return _CANNOT_START
    return 0


def _announce(settings: flags.Settings) -> None:
    """Logs which releases this is, and every flag that is not the default."""
    _LOG.info("%s", command_line.versions().replace("\n", ", "))
    changed = list(flags.changed(settings))
    _LOG.info("%s", " ".join(f"--{flag.name}={value}" for flag, value in changed))
    for flag, value in changed:
        if flag.metadata["ignored"]:
            _LOG.warning("--%s=%s is ignored: %s", flag.name, value, flag.metadata["ignored"])


def _stop_on_signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; a second one ends the process at once."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _allow_open_files() -> None:
    """Takes as many open files as the system grants: its default, 1,024, is fewer than there may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _refuse(error: Exception) -> int:
    print(error, file=sys.stderr)
    return _CANNOT_START


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left to do; tearing down TensorFlow's threads takes seconds and may crash on the way.
    os._exit(status)
