"""The command ``python -m serving.model_server``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

from serving.model_server import command_line, ports, quiet

# The official server's -1.
_CANNOT_START = 255


def main() -> int:
    """Serves until SIGTERM or SIGINT. Gives the exit status: 0 when told to stop, 255 when it cannot start."""
    arguments = sys.argv[1:]
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
    quiet.import_tensorflow()
    # Only now: these import TensorFlow, which must have been silenced before.
    from serving.model_server.server import StartError, serve

    try:
        serve(settings, stop)
    except (StartError, ports.PortError) as error:
        return _refuse(error)
    return 0


def _stop_on_signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; a second one ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _refuse(error: Exception) -> int:
    print(error, file=sys.stderr)
    return _CANNOT_START


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left to do; tearing down TensorFlow's threads takes seconds and may crash on the way.
    os._exit(status)
