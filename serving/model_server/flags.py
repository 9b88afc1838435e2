"""The command line: TensorFlow Serving's flags, names and defaults, in one table.

Importing this costs nothing: a wrong flag is refused before TensorFlow is loaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, NoReturn

PROGRAM = "python -m serving.model_server"


class FlagError(Exception):
    """A command line that cannot be understood; the message says what to write instead."""


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """The server's configuration; every field is a flag of the same name."""

    port: int = _flag(8500, "TCP port of the gRPC API")
    rest_api_port: int = _flag(0, "TCP port of the REST API; 0: none")
    model_name: str = _flag("default", "name of the model at --model_base_path")
    model_base_path: str = _flag("", "absolute path of a folder of numbered versions")
    model_config_file: str = _flag("", "text-proto ModelServerConfig: many models; instead of --model_base_path")
    model_config_file_poll_wait_seconds: int = _flag(0, "seconds between readings of --model_config_file; 0: once")
    file_system_poll_wait_seconds: int = _flag(1, "seconds between looks for new versions; 0: once; negative: never")
    enable_batching: bool = _flag(False, "join concurrent requests into one run")
    batching_parameters_file: str = _flag("", "text-proto BatchingParameters; needs --enable_batching")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "an unused label may name a version not yet loaded"
    )
    grpc_max_threads: int = _flag(0, "threads for gRPC calls, at least 32; 0: 4 x CPUs")
    rest_api_num_threads: int = _flag(0, "threads for REST calls; 0: 4 x CPUs")
    rest_api_timeout_in_ms: int = _flag(30_000, "milliseconds until a REST call is given up; 0: never")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside one operation; 0: one a CPU")
    tensorflow_inter_op_parallelism: int = _flag(
        0, "threads for operations that do not run in their request's own thread"
    )
    max_num_load_retries: int = _flag(5, "further attempts to load a version that failed")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between those attempts")
    enable_model_warmup: bool = _flag(True, "replay assets.extra/tf_serving_warmup_requests before serving")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise FlagError(f"{message}. See {PROGRAM} --help")


def parse(arguments: Sequence[str]) -> Settings:
    """Reads ``--flag=value`` and ``--flag value``; a boolean may stand alone.

    Raises:
        FlagError: An unknown flag, a value of the wrong type, or flags that contradict each other.
    """
    values, unknown = _parser().parse_known_args(arguments)
    if unknown:
        known = ", ".join(f"--{name.name}" for name in fields(Settings))
        raise FlagError(f"Unknown flag: {unknown[0]}. Known flags: {known}")
    settings = Settings(**vars(values))
    _check(settings)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="TensorFlow Serving's APIs, embedded.", allow_abbrev=False)
    for flag in fields(Settings):
        parser.add_argument(f"--{flag.name}", **_options(flag))
    return parser


def _options(flag: Field[Any]) -> dict[str, Any]:
    options: dict[str, Any] = {"default": flag.default, "help": f"{flag.metadata['help']} (default: {flag.default!r})"}
    if isinstance(flag.default, bool):
        return {**options, "type": _boolean, "nargs": "?", "const": True, "metavar": "true|false"}
    return {**options, "type": type(flag.default), "metavar": type(flag.default).__name__}


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"Expected true or false. Received: {text!r}")
    return values[text.lower()]


def _check(settings: Settings) -> None:
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(settings, name) <= 65_535:
            raise FlagError(f"Expected --{name} between 0 and 65535. Received: {getattr(settings, name)}")
    if settings.port == settings.rest_api_port:
        raise FlagError(f"Expected --rest_api_port to differ from --port. Received: {settings.port} for both")
    if bool(settings.model_base_path) == bool(settings.model_config_file):
        received = "both" if settings.model_base_path else "neither"
        raise FlagError(f"Expected one of --model_base_path and --model_config_file. Received: {received}")
    if settings.batching_parameters_file and not settings.enable_batching:
        raise FlagError("--batching_parameters_file needs --enable_batching. Received: the file without it")
    if settings.max_num_load_retries < 0 or settings.load_retry_interval_micros < 0:
        raise FlagError("Expected --max_num_load_retries and --load_retry_interval_micros of 0 or more")
