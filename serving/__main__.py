"""``python -m serving``: the operator's command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from contract.card import CardError
from contract.release import ReleaseError
from contract.versions import PublishError
from serving import commands
from serving.commands import Publication, Settings
from serving.models_config import BasePathError
from serving.publish import NoReplica, RolloutFailed, Say
from serving.release_store import RolloutBusy

# What an operator can do something about: one sentence, not a traceback.
_EXPECTED = (PublishError, CardError, ReleaseError, RolloutFailed, RolloutBusy, NoReplica, BasePathError, OSError)

_PUBLISH = """\
Brings a version live: adds it to models.config, waits until it is AVAILABLE on every replica, then moves the label
`stable` to it. The former stable version stays loaded for a rollback. Where the version does not become AVAILABLE, the
release state is put back to what it was. Asking again for what is done, or was cut short, does what is left."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives the exit status: 0 done, 1 not done (the reason on stderr), 2 not understood."""
    parser = build_parser(os.environ)
    options = parser.parse_args(arguments)
    if options.command == "publish" and options.source is not None and options.version is not None:
        parser.error("a SOURCE always becomes the next version: give SOURCE or --version, not both")
    try:
        return _run(options, partial(print, flush=True))
    except _EXPECTED as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def build_parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line; the environment gives defaults."""
    parser = argparse.ArgumentParser(prog="python -m serving", description="Operate the versions of served models.")
    _add_repository(parser, environment.get("MODEL_REPOSITORY", "models"))
    parser.set_defaults(default_replicas=(environment.get("VITRINE_SERVING", "localhost:8500"),))
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    base_path = environment.get("MODEL_BASE_PATH")

    listing = subparsers.add_parser("list", help="the versions in the repository")
    _add_repository(listing)
    _add_json(listing)

    status = subparsers.add_parser("status", help="the versions as the model servers report them")
    _add_repository(status)
    _add_json(status)
    _add_replica(status)

    raw = argparse.RawDescriptionHelpFormatter
    publish = subparsers.add_parser("publish", help="bring a version live", description=_PUBLISH, formatter_class=raw)
    _add_repository(publish)
    _add_replica(publish)
    _add_base_path(publish, base_path)
    _add_publication(publish)

    config = subparsers.add_parser("config", help="print models.config")
    _add_repository(config)
    _add_base_path(config, base_path)
    return parser


def _run(options: argparse.Namespace, out: Say) -> int:
    settings = Settings(
        repository=options.repository,
        base_path=getattr(options, "base_path", None) or str(options.repository.resolve()),
        replicas=tuple(getattr(options, "replica", ()) or options.default_replicas),
        as_json=getattr(options, "json", False),
    )
    match options.command:
        case "list":
            return commands.list_versions(settings, out)
        case "status":
            return commands.status(settings, out)
        case "config":
            return commands.config(settings, out)
    order = Publication(
        name=options.name,
        source=options.source,
        version=options.version,
        offline=options.offline,
        dry_run=options.dry_run,
        timeout_s=options.timeout,
    )
    return commands.publish(settings, order, out)


def _add_repository(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Before the command and after it; there it has no default, which would override what stood before."""
    parser.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS if default is None else Path(default),
        help="the model repository (default: $MODEL_REPOSITORY or ./models)",
    )


def _add_replica(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replica",
        nargs="+",
        action="extend",
        metavar="HOST:PORT",
        help="gRPC address of every model server (default: $VITRINE_SERVING or localhost:8500)",
    )


def _add_base_path(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--base-path",
        metavar="P",
        default=default,
        help="where model servers find the repository, e.g. /models (default: $MODEL_BASE_PATH or its absolute path)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_publication(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", type=Path, help="a SavedModel to copy in as the next version"
    )
    parser.add_argument("--version", type=int, metavar="N", help="a version in the repository (default: the newest)")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="seconds to load it (default: %(default)g)"
    )
    parser.add_argument("--offline", action="store_true", help="no model server runs: write the final state at once")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")


if __name__ == "__main__":
    sys.exit(main())
