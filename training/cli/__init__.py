"""The command line: arguments in, sentences and an exit status out. TensorFlow is imported when a job begins.

Each command has a module of its own, which declares it (`add`) and runs it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from contract.card import CardError
from contract.versions import PublishError
from training.cli import compare, evaluate, export, inspect, report, train
from training.errors import TrainingError

_COMMANDS = (inspect, train, evaluate, report, compare, export)
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0 done, 1 refused, 2 misused, 130 stopped by Ctrl-C."""
    options = _parser().parse_args(arguments)
    # What TensorFlow says of itself at start-up is nothing that a person could act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow leaves its faster kernels off on processors without AVX-512; on those, too, they take less time.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return int(options.command(options))
    except (TrainingError, PublishError, CardError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nStopped by Ctrl-C: {options.when_stopped}", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train a classifier, export it for serving."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in _COMMANDS:
        command.add(commands)
    return parser
