"""Reads the command line as the official server does, and says what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from importlib import metadata
from typing import Any

from serving.model_server.flags import Settings

PROGRAM = "python -m serving.model_server"
_FLAGS = {flag.name: flag for flag in fields(Settings)}


class FlagError(Exception):
    """A command line that cannot be followed; the message says what to write instead."""


def parse(arguments: Sequence[str]) -> Settings:
    """Reads ``--flag=value`` and ``--flag value``; a boolean may stand alone. The last one of a name counts.

    Raises:
        FlagError: An unknown flag, a value of the wrong type, or flags that contradict each other.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, text = argument.removeprefix("--").partition("=")
        flag = _FLAGS.get(name)
        if flag is None or not argument.startswith("--"):
            raise FlagError(_unknown(argument, name))
        if not equals:
            text = _value_behind(flag, rest)
        values[name] = _value(flag, text, equals)
    settings = Settings(**values)
    if not settings.version:
        _check(settings)
    return settings


def usage() -> str:
    """All flags, a line each with default, type and meaning, in the layout of the official ``--help``."""
    lines = [f"usage: {PROGRAM}", "Flags:"]
    for flag in _FLAGS.values():
        ignored = f" (ignored: {flag.metadata['ignored']})" if flag.metadata["ignored"] else ""
        lines.append(f"\t{_shown(flag):<33}\t{flag.metadata['type']}\t{flag.metadata['help']}{ignored}")
    return "\n".join(lines)


def versions() -> str:
    """The text of ``--version``: this server stands for the release whose messages it speaks."""
    library = next(name for name in ("tensorflow-cpu", "tensorflow") if _installed(name))
    return (
        f"TensorFlow ModelServer: {metadata.version('tensorflow-serving-api')}+embedded\n"
        f"TensorFlow Library: {metadata.version(library)}"
    )


def _installed(distribution: str) -> bool:
    return any(True for _ in metadata.distributions(name=distribution))


def _value_behind(flag: Field[Any], rest: list[str]) -> str:
    """The value of a flag without an equals sign, taken off the rest of the command line."""
    if flag.metadata["type"] == "bool":
        return rest.pop(0) if rest[:1] in (["true"], ["false"]) else "true"
    if not rest:
        raise FlagError(f"Expected a value after --{flag.name}. Received: the end of the command line")
    return rest.pop(0)


def _value(flag: Field[Any], text: str, equals: str) -> Any:
    read: Callable[[str], Any] = _READERS[flag.metadata["type"]]
    try:
        return read(text)
    except ValueError:
        # The official parser looks at a boolean with the equals sign still on.
        shown = f"{equals}{text}" if flag.metadata["type"] == "bool" else text
        raise FlagError(f"Couldn't interpret value {shown} for flag {flag.name}.") from None


def _integer(bits: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]+", text) or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
            raise ValueError
        return int(text)

    return read


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "float": float,
    "int32": _integer(32),
    "int64": _integer(64),
    "bool": lambda text: bool(["false", "true"].index(text)),
}


def _shown(flag: Field[Any]) -> str:
    formats = {"string": '"{}"', "float": "{:f}"}
    default = str(flag.default).lower() if flag.metadata["type"] == "bool" else flag.default
    return f"--{flag.name}={formats.get(flag.metadata['type'], '{}').format(default)}"


def _unknown(argument: str, name: str) -> str:
    near = difflib.get_close_matches(name, _FLAGS, n=1)
    hint = f"\nDid you mean --{near[0]}?" if near else ""
    return f"unknown argument: {argument}{hint}\n{usage()}"


def _check(settings: Settings) -> None:
    """Raises FlagError for values without sense and for flags that contradict each other."""
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(settings, name) <= 65_535:
            raise FlagError(f"Expected --{name} between 0 and 65535. Received: {getattr(settings, name)}")
    for fault, text in _contradictions(settings):
        if fault:
            raise FlagError(f"Failed to start server. Error: INVALID_ARGUMENT: {text}")


def _contradictions(settings: Settings) -> Sequence[tuple[object, str]]:
    """Whether each of the official server's rules is broken, and its words for it."""
    parallelism = (
        settings.tensorflow_session_parallelism,
        settings.tensorflow_intra_op_parallelism,
        settings.tensorflow_inter_op_parallelism,
    )
    return (
        (
            not settings.port and not settings.grpc_socket_path,
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
        ),
        (
            not settings.model_base_path and not settings.model_config_file,
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            settings.batching_parameters_file and not settings.enable_batching and not settings.platform_config_file,
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.",
        ),
        (
            all(threads > 0 for threads in parallelism) and not settings.platform_config_file,
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all.",
        ),
        (
            settings.use_alts_credentials and settings.ssl_config_file,
            "Only one of server_options.use_alts_credentials and server_options.ssl_config_file may be set.",
        ),
    )
