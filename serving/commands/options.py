"""The options that commands share, and what they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from serving.release_store import ReleaseStore
from serving.repository import ModelRepository
from serving.stores.opening import open_store
from serving.stores.store import VersionStore

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def set_defaults(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Lets the environment say what an option means that is not given."""
    add_repository(parser, environment.get("MODEL_REPOSITORY", "models"), environment.get("MODEL_STORE", ""))
    parser.set_defaults(
        default_replicas=environment.get("VITRINE_SERVING", "localhost:8500").split(),
        default_base_path=environment.get("MODEL_BASE_PATH"),
        default_gateways=environment.get("VITRINE_GATEWAYS", "http://localhost:8080").split(),
        default_max_batch=environment.get("VITRINE_MAX_BATCH", "32"),
    )


def add_repository(
    parser: argparse.ArgumentParser, default: str | None = None, default_store: str = argparse.SUPPRESS
) -> None:
    """Before the command and after it; there nothing has a default, which would override what stood before."""
    parser.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS if default is None else Path(default),
        help="the model repository (default: $MODEL_REPOSITORY or ./models)",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        default=default_store,
        help="where versions lie if not in the repository, e.g. s3://bucket/models (default: $MODEL_STORE)",
    )


def add_replica(parser: argparse.ArgumentParser) -> None:
    """Where the model servers are."""
    parser.add_argument(
        "--replica",
        nargs="+",
        action="extend",
        metavar="HOST:PORT",
        help="gRPC address of every model server (default: $VITRINE_SERVING or localhost:8500)",
    )


def add_base_path(parser: argparse.ArgumentParser) -> None:
    """Where model servers find the repository."""
    parser.add_argument(
        "--base-path",
        metavar="P",
        help="where model servers find the repository, e.g. /models (default: $MODEL_BASE_PATH, or where it lies)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """For programs."""
    parser.add_argument("--json", action="store_true", help="for programs")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """For the careful."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")


def repository(options: argparse.Namespace) -> VersionStore:
    """The place of the versions that are meant. Raises OSError if it is of a kind that is not known."""
    return open_store(options.store) if options.store else ModelRepository(options.repository)


def replicas(options: argparse.Namespace) -> tuple[str, ...]:
    """The addresses of the model servers."""
    return tuple(options.replica or options.default_replicas)


def base_path(options: argparse.Namespace) -> str:
    """Where model servers find the versions."""
    # One folder is written in one way, so that it can be compared.
    store: str = options.store.removeprefix("file://")
    return given_base_path(options) or (store if "://" in store else str(Path(store or options.repository).resolve()))


def given_base_path(options: argparse.Namespace) -> str:
    """The same, if an option or the environment says so; otherwise empty."""
    return getattr(options, "base_path", None) or options.default_base_path or ""


def release_store(options: argparse.Namespace) -> ReleaseStore:
    """The release state that is meant."""
    return ReleaseStore(options.repository, base_path(options))
