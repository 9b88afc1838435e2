"""Settings: one table, read from the environment, with errors that name the variable."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from gateway.settings.row import SettingsError
from gateway.settings.settings import Settings
from gateway.settings.table import TABLE, help_table
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
        ("VITRINE_WORKERS", "0"),
        ("VITRINE_THREADS", "-1"),
        ("VITRINE_TIMEOUT_S", "soon"),
        ("VITRINE_TIMEOUT_S", "nan"),
        ("VITRINE_TIMEOUT_S", "0"),
        ("VITRINE_SERVING", "localhost"),
        ("VITRINE_SERVING", "http://localhost:8500"),
        ("VITRINE_MODELS", "a b"),
        ("VITRINE_DEFAULT_MODEL", "a,b"),
        ("VITRINE_MAX_BATCH", "1.5"),
        ("MODEL_REPOSITORY", __file__),
    ],
)
def test_a_bad_value_is_refused_by_its_variables_name_and_the_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: expected .* Received: ") as raised:
        Settings.from_env({variable: value})
    assert value in str(raised.value)
