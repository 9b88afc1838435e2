"""Settings: one table, read from the environment, with errors that name the variable."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.settings.cores import usable
from gateway.settings.markdown import markdown
from gateway.settings.parse import Rate
from gateway.settings.row import SettingsError
from gateway.settings.settings import Settings
from gateway.settings.table import GROUPS, TABLE, help_table
from tests.conftest import ROOT


def test_every_setting_has_a_row_with_a_variable_and_a_help_text() -> None:
    assert [row.name for row in TABLE] == [field.name for field in fields(Settings)]
    assert len({row.variable for row in TABLE}) == len(TABLE)
    assert all(row.help.endswith(".") for row in TABLE)


def test_help_prints_every_variable_its_default_and_its_help() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert help_table() in printed
    for row in TABLE:
        assert row.variable in printed
        assert row.help in printed


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_env({})
    assert (settings.serving, settings.port, settings.models) == ("localhost:8500", 8080, ())
    assert settings.max_files >= 100


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_env({"VITRINE_PORT": ""}).port == 8080


def test_models_are_a_list_without_repeats() -> None:
    assert Settings.from_env({"VITRINE_MODELS": "b, a,b,"}).models == ("b", "a")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VITRINE_PORT", "http"),
        ("VITRINE_PORT", "65536"),
        ("VITRINE_WORKERS", "257"),
        ("VITRINE_THREADS", "-1"),
        ("VITRINE_TIMEOUT_S", "soon"),
        ("VITRINE_TIMEOUT_S", "nan"),
        ("VITRINE_TIMEOUT_S", "0"),
        ("VITRINE_SERVING", "localhost"),
        ("VITRINE_SERVING", "http://localhost:8500"),
        ("VITRINE_MODELS", "a b"),
        ("VITRINE_DEFAULT_MODEL", "a,b"),
        ("VITRINE_MAX_BATCH", "1.5"),
        ("VITRINE_DECODE_THREADS", "-1"),
        ("VITRINE_MAX_BUFFERED_BYTES", "0"),
        ("VITRINE_API_KEYS_FILE", "/nowhere/keys"),
        ("VITRINE_RATE_LIMIT", "many"),
        ("VITRINE_RATE_LIMIT", "0/second"),
        ("VITRINE_RATE_LIMIT", "5/day"),
        ("VITRINE_TRUSTED_PROXIES", "10.0.0.300"),
        ("VITRINE_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("VITRINE_LOG_LEVEL", "loud"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("MODEL_REPOSITORY", __file__),
    ],
)
def test_a_bad_value_is_refused_by_its_variables_name_and_the_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: expected .* Received: ") as raised:
        Settings.from_env({variable: value})
    assert value in str(raised.value)


def test_the_table_has_each_setting_once_and_in_the_order_of_the_fields() -> None:
    assert [row.name for group in GROUPS for row in group.rows] == [field.name for field in fields(Settings)]


def test_a_rate_is_pictures_in_a_period() -> None:
    assert Settings.from_env({}).rate_limit is None
    assert Settings.from_env({"VITRINE_RATE_LIMIT": "600/minute"}).rate_limit == Rate(600, 60.0)
    assert Settings.from_env({"VITRINE_RATE_LIMIT": "10 / Second"}).rate_limit == Rate(10, 1.0)


def test_proxies_are_addresses_and_networks() -> None:
    networks = Settings.from_env({"VITRINE_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}).trusted_proxies
    assert networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_zero_workers_are_one_for_every_two_cores_but_not_many() -> None:
    settings = Settings.from_env({"VITRINE_WORKERS": "0", "VITRINE_DECODE_THREADS": "0"})
    assert settings.workers == max(1, min(usable() // 2, 8))
    assert settings.decode_threads == usable()
    assert Settings.from_env({"VITRINE_WORKERS": "200"}).workers == 200


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("9900000 100000", None)]
)
def test_a_containers_quota_bounds_the_cores(tmp_path: Path, quota: str, cores: int | None) -> None:
    unbounded = usable(tmp_path / "none")
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n", encoding="ascii")
    assert usable(file) == min(cores or unbounded, unbounded)


def test_a_file_limit_above_the_body_limit_is_refused_and_both_are_named() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({"VITRINE_MAX_FILE_BYTES": "100000000"})
    told = "VITRINE_MAX_FILE_BYTES: expected at most VITRINE_MAX_BODY_BYTES, 67,108,864. Received: 100,000,000"
    assert str(raised.value) == told


def test_a_body_that_could_never_be_held_is_refused() -> None:
    given = {"VITRINE_MAX_BODY_BYTES": "2000", "VITRINE_MAX_BUFFERED_BYTES": "1000"}
    with pytest.raises(SettingsError, match=r"^VITRINE_MAX_BODY_BYTES: expected at most VITRINE_MAX_BUFFERED_BYTES"):
        Settings.from_env(given)


def test_limits_that_were_not_given_follow_those_that_were() -> None:
    small = Settings.from_env({"VITRINE_MAX_BODY_BYTES": "1000"})
    assert (small.max_file_bytes, small.max_body_bytes) == (1000, 1000)
    large = Settings.from_env({"VITRINE_MAX_BODY_BYTES": str(1 << 30)})
    assert large.max_buffered_bytes == 1 << 30
    tight = Settings.from_env({"VITRINE_MAX_BUFFERED_BYTES": "5000"})
    assert (tight.max_file_bytes, tight.max_body_bytes, tight.max_buffered_bytes) == (5000, 5000, 5000)


def test_the_document_of_settings_is_up_to_date() -> None:
    command = [sys.executable, "-m", "gateway.settings"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed == markdown()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == printed


def test_the_document_names_every_setting_in_one_row_of_a_table() -> None:
    lines = markdown().splitlines()
    for row in TABLE:
        (line,) = [line for line in lines if line.startswith(f"| `{row.variable}` |")]
        assert line.count("|") == 4
