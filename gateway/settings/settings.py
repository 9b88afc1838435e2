"""Everything that an operator may choose, as one frozen object that is made at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.settings.parse import Network, Rate
from gateway.settings.row import SettingsError
from gateway.settings.table import TABLE


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
    decode_threads: int
    trusted_proxies: tuple[Network, ...]
    timeout_s: float
    max_file_bytes: int
    max_files: int
    max_body_bytes: int
    max_pixels: int
    max_batch: int
    max_inflight: int
    max_buffered_bytes: int
    shadow_inflight: int
    shadow_bytes: int
    api_keys_file: Path | None
    rate_limit: Rate | None
    log_level: str
    otlp_endpoint: str | None
    otlp_traces_endpoint: str | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Reads every variable of `TABLE`; an unset or empty one has its default.

        Raises:
            SettingsError: A value that cannot be understood, or that contradicts another.
        """
        given = {row.name for row in TABLE if environ.get(row.variable, "").strip()}
        return _reconciled(cls(**{row.name: row.read(environ) for row in TABLE}), given)


# (smaller, larger): a smaller one above its larger could never be reached. From the largest down, for each may move.
_ORDERED = (("max_body_bytes", "max_buffered_bytes"), ("max_file_bytes", "max_body_bytes"))


def _reconciled(settings: Settings, given: set[str]) -> Settings:
    """The settings with defaults that follow what was given; raises SettingsError where two given ones contradict."""
    for smaller, larger in _ORDERED:
        low, high = getattr(settings, smaller), getattr(settings, larger)
        if low <= high:
            continue
        if smaller not in given:
            settings = replace(settings, **{smaller: high})
        elif larger not in given and larger == "max_buffered_bytes":
            settings = replace(settings, **{larger: low})
        else:
            names = {row.name: row.variable for row in TABLE}
            raise SettingsError(f"{names[smaller]}: expected at most {names[larger]}, {high:,}. Received: {low:,}")
    return settings
