"""The gateway's settings: one table, read once from the environment, at the edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.images import MAX_PIXELS


class SettingsError(ValueError):
    """An environment variable whose value makes no sense; the message names it, what came and what was wanted."""


@dataclass(frozen=True)
class Settings:
    """Everything that an operator may choose. `TABLE` says what each is for; build it with `Settings.from_env`."""

    serving: str
    repository: Path | None
    models: tuple[str, ...]
    default_model: str | None
    host: str
    port: int
    workers: int
    threads: int
    timeout_s: float
    max_file_bytes: int
    max_files: int
    max_body_bytes: int
    max_pixels: int
    max_batch: int
    max_inflight: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Reads every variable of `TABLE`; an unset or empty one has its default.

        Raises:
            SettingsError: A value that cannot be understood.
        """
        return cls(**{row.name: row.read(environ) for row in TABLE})


@dataclass(frozen=True)
class Setting:
    """One row: the field of `Settings`, its variable, its default as one would write it there, and what it is for."""

    name: str
    variable: str
    default: str
    help: str
    parse: Callable[[str], Any]

    def read(self, environ: Mapping[str, str]) -> Any:
        """The value from the environment. Raises SettingsError, which names the variable."""
        text = environ.get(self.variable, "").strip() or self.default
        try:
            return self.parse(text)
        except ValueError as error:
            raise SettingsError(f"{self.variable}: {error}. Received: {text!r}") from None


def help_table() -> str:
    """All settings as text, for ``python -m gateway --help``."""
    lines = []
    for row in TABLE:
        lines += [f"  {row.variable} (default: {row.default or 'none'})", f"      {row.help}"]
    return "\n".join(lines)


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    wanted = f"expected a whole number from {low:,} to {high:,}" if high else f"expected a whole number, at least {low}"

    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else low - 1
        if value < low or (high is not None and value > high):
            raise ValueError(wanted)
        return value

    return parse


def _seconds(text: str) -> float:
    wanted = "expected a number of seconds, above 0 and at most 3600"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 < value <= 3600:
        raise ValueError(wanted)
    return value


def _target(text: str) -> str:
    port = text.rpartition(":")[2]
    if "://" in text or (not text.startswith("unix:") and not port.isdigit()):
        raise ValueError("expected host:port, or a gRPC target such as ipv4:10.0.0.1:8500,10.0.0.2:8500")
    return text


def _folder(text: str) -> Path | None:
    if text and Path(text).exists() and not Path(text).is_dir():
        raise ValueError("expected a folder")
    return Path(text) if text else None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if any(not set(name) <= _NAME_CHARACTERS for name in names):
        raise ValueError("expected model names of letters, digits, '.', '_' and '-', with commas between")
    return names


def _name(text: str) -> str | None:
    names = _names(text)
    if len(names) > 1:
        raise ValueError("expected one model name")
    return names[0] if names else None


_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

TABLE: tuple[Setting, ...] = (
    Setting("serving", "VITRINE_SERVING", "localhost:8500", "TensorFlow Serving's gRPC address, host:port.", _target),
    Setting(
        "repository",
        "MODEL_REPOSITORY",
        "",
        "Folder of the model repository; its release.json names models and labels and is read again when it changes.",
        _folder,
    ),
    Setting(
        "models",
        "VITRINE_MODELS",
        "",
        "Model names with commas between, for a TensorFlow Serving without a release.json.",
        _names,
    ),
    Setting(
        "default_model",
        "VITRINE_DEFAULT_MODEL",
        "",
        "The model for callers who name none; the first of VITRINE_MODELS, else of release.json, if empty.",
        _name,
    ),
    Setting("host", "VITRINE_HOST", "0.0.0.0", "Address to listen on.", str),
    Setting("port", "VITRINE_PORT", "8080", "TCP port to listen on; 0 takes any free one.", _whole(0, 65535)),
    Setting("workers", "VITRINE_WORKERS", "2", "Worker processes.", _whole(1, 256)),
    Setting(
        "threads", "VITRINE_THREADS", "16", "Threads in each worker: requests read or answered at once.", _whole(2)
    ),
    Setting("timeout_s", "VITRINE_TIMEOUT_S", "10", "Seconds after which a request is given up (504).", _seconds),
    Setting("max_file_bytes", "VITRINE_MAX_FILE_BYTES", "20971520", "Bytes of one picture; 20 MiB.", _whole(1)),
    Setting("max_files", "VITRINE_MAX_FILES", "128", "Pictures in one request.", _whole(1)),
    Setting("max_body_bytes", "VITRINE_MAX_BODY_BYTES", "67108864", "Bytes of one request; 64 MiB.", _whole(1)),
    Setting(
        "max_pixels",
        "VITRINE_MAX_PIXELS",
        str(MAX_PIXELS),
        "Width times height of one picture; a larger one is refused before it is decoded.",
        _whole(1),
    ),
    Setting(
        "max_batch",
        "VITRINE_MAX_BATCH",
        "32",
        "Pictures in one call to the model server; at most its own max_batch_size where it batches.",
        _whole(1),
    ),
    Setting(
        "max_inflight",
        "VITRINE_MAX_INFLIGHT",
        "12",
        "Classifications at once in each worker, more get 429; below VITRINE_THREADS, so that probes find a thread.",
        _whole(1),
    ),
)
