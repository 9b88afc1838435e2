"""``python -m serving``: the operator's command line."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from contract.card import CardError
from contract.release import ReleaseError
from contract.versions import PublishError
from serving.commands import COMMANDS
from serving.commands.options import set_defaults
from serving.errors import NoReplica, RolloutFailed
from serving.models_config import BasePathError
from serving.plan.goals import GoalError
from serving.release_store import RolloutBusy

# As of a program that SIGPIPE ends.
_BROKEN_PIPE = 128 + signal.SIGPIPE
# What an operator can do something about: one sentence, not a traceback.
_EXPECTED = (
    PublishError,
    CardError,
    ReleaseError,
    GoalError,
    RolloutFailed,
    RolloutBusy,
    NoReplica,
    BasePathError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives the exit status: 0 done, 1 not done (the reason on stderr), 2 not understood.

    As usual it is 128 and the signal's number after Ctrl-C, or where nobody reads the output to its end.
    """
    options = build_parser(os.environ).parse_args(arguments)
    try:
        status: int = options.run(options, partial(print, flush=True))
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would complain once more at its own last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except _EXPECTED as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status


def build_parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line; the environment gives defaults."""
    parser = argparse.ArgumentParser(prog="python -m serving", description="Operate the versions of served models.")
    set_defaults(parser, environment)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
