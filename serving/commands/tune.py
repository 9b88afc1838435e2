"""``tune``: measures which batching and threads suit a model on this machine."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from contract.release import STABLE, Release
from contract.versions import check_name
from serving.commands import options as shared
from serving.commands.named import version_of
from serving.commands.numbers import positive, some, some_seconds
from serving.tables import Say
from serving.tuning.rule import RULE

if TYPE_CHECKING:
    from serving.commands.options import Subparsers
    from serving.tuning.outcome import Outcome
    from serving.tuning.requests import Mix
    from serving.tuning.tuning import Order, Tuning

_EMBEDDED = "serving.model_server"
_MOST_CLIENTS = 64
_DESCRIPTION = """\
Starts model servers on this machine with one configuration after the other, puts the load of gateways on them, and
writes what suits the model best: batching.config, flags.txt, and how it was found, report.html and measurements.json.
Threads are tried first, with batching off; then batching on the best of them, in coarse steps, then in fine ones. What
counts is the ratio to TensorFlow Serving's defaults without batching, measured in turns with each candidate; the best
are measured again, all in turns, before one is named. Cut short, the same command goes on where it was.

What is chosen: """


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "tune",
        help="measure which batching and threads suit a model",
        description=_DESCRIPTION + RULE,
    )
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument(
        "version", metavar="VERSION", nargs="?", type=int, help="its version (default: the stable one, or the newest)"
    )
    shared.add_repository(parser)
    shared.add_base_path(parser)
    parser.add_argument(
        "--server",
        type=_words,
        metavar="COMMAND",
        help="a model server that takes TensorFlow Serving's flags, such as tensorflow_model_server (default: the "
        "embedded one)",
    )
    parser.add_argument(
        "--budget",
        type=some_seconds,
        default="5m",
        metavar="T",
        help="how long to measure, 90s or 10m (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: runs/tuning/NAME)")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured already")
    parser.add_argument("--json", action="store_true", help="the choice for programs; progress goes to stderr")
    _add_load(parser)
    parser.set_defaults(run=run, error=parser.error)


def _add_load(parser: argparse.ArgumentParser) -> None:
    load = parser.add_argument_group("the load, and the limits")
    load.add_argument(
        "--clients",
        type=_clients,
        default=8,
        metavar="N",
        help="calls in flight: two for every worker of all gateways that share a model server (default: %(default)s)",
    )
    load.add_argument(
        "--pictures",
        metavar="N:W,…",
        help="pictures in a call, and how often such a call comes (default: 1:8,2:4,8:2,32:1, as gateways join "
        "requests; the largest is VITRINE_MAX_BATCH)",
    )
    load.add_argument(
        "--max-p99-ms", type=positive, metavar="MS", help="the longest p99 allowed (default: 1.5 times the baseline's)"
    )
    load.add_argument(
        "--together", type=some, metavar="N", help="servers at a time (default: as many as fit the memory, up to 5)"
    )
    load.add_argument(
        "--start",
        type=some_seconds,
        default="120s",
        metavar="T",
        help="how long a server may load (default: %(default)s)",
    )


def run(options: argparse.Namespace, out: Say) -> int:
    """Measures, and gives 0 if something can be recommended, be it the defaults; raises what hinders that."""
    from serving.tuning.search import TuningFailed
    from serving.tuning.tuning import Tuning

    order = _order(options)
    say = _to_stderr if options.json else out
    try:
        with _ended_by_sigterm():
            tuning = Tuning(order, shared.repository(options), say, again=options.again)
            found = tuning.run()
    except KeyboardInterrupt:
        say(f"Stopped; what is known lies in {order.folder}. To go on: the same command.")
        raise
    except TuningFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _tell(options, tuning, found, out)
    return 0


def _order(options: argparse.Namespace) -> Order:
    from serving.tuning.choice import Limit
    from serving.tuning.tuning import Order

    name = check_name(options.name)
    most = int(options.default_max_batch)
    mix = _mix(options, most)
    return Order(
        name=name,
        version=_version(options),
        base_path=shared.base_path(options),
        server=options.server or _embedded(options),
        folder=options.output or Path("runs", "tuning", name),
        clients=options.clients,
        mix=mix,
        least_size=max(most, mix.most),
        budget_s=options.budget,
        start_s=options.start,
        together=options.together,
        limit=Limit(options.max_p99_ms),
    )


def _mix(options: argparse.Namespace, most: int) -> Mix:
    from serving.tuning import requests

    try:
        return requests.parse(options.pictures) if options.pictures else requests.usual(most)
    except ValueError as error:
        options.error(f"argument --pictures: {error}")
        raise


def _version(options: argparse.Namespace) -> int:
    released = Release.read(options.repository).models.get(options.name)
    stable = released.labels.get(STABLE) if released else None
    return version_of(shared.repository(options), options.name, options.version or stable)


def _embedded(options: argparse.Namespace) -> list[str]:
    # Looked for, not imported: it would bring TensorFlow along.
    if importlib.util.find_spec("tensorflow") is None:
        options.error(
            "expected --server COMMAND: TensorFlow is not installed, so the embedded server cannot be started"
        )
    return [sys.executable, "-m", _EMBEDDED]


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: with its servers, and with what it knows written down."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(options: argparse.Namespace, tuning: Tuning, found: Outcome, out: Say) -> None:
    from serving.tuning import tuning as files

    folder = tuning.order.folder
    written = [file for file in (files.BATCHING, files.FLAGS, files.REPORT, files.JOURNAL) if (folder / file).exists()]
    if options.json:
        out(json.dumps(found.to_dict() | {"files": [str(folder / file) for file in written]}, indent=2))
        return
    out("")
    for reason in found.choice.reasons if found.choice else ():
        out(f"- {reason}")
    for note in tuning.journal.notes:
        out(f"Note: {note}")
    out(found.headline())
    out(f"Written to {folder}: {', '.join(written)}")


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _words(text: str) -> list[str]:
    words = shlex.split(text)
    if not words:
        raise argparse.ArgumentTypeError("expected a command. Received: nothing")
    return words


def _clients(text: str) -> int:
    clients = some(text)
    if clients > _MOST_CLIENTS:
        raise argparse.ArgumentTypeError(
            f"expected at most {_MOST_CLIENTS}, a model server's threads. Received: {text}"
        )
    return clients
