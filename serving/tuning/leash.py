"""``python -m serving.tuning.leash PID COMMAND…`` becomes the command, which then ends with the process PID.

A tuning that is killed leaves no model servers behind. Where the system has no such thing, they are only ended by the
tuning itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


def main() -> None:
    """Never returns."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the tuning has ended")
    try:
        os.execvp(command[0], command)  # noqa: S606  # the operator's own command, as words
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
