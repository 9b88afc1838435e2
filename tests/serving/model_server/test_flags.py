"""The command line takes the official flags in both spellings and says what is wrong."""

from __future__ import annotations

import pytest

from serving.model_server.flags import FlagError, Settings, parse

BASE = "--model_base_path=/models/m"


def test_good_defaults_are_those_of_tensorflow_serving() -> None:
    settings = parse([BASE])
    assert settings == Settings(model_base_path="/models/m")
    assert (settings.port, settings.rest_api_port, settings.model_name) == (8500, 0, "default")
    assert (settings.file_system_poll_wait_seconds, settings.model_config_file_poll_wait_seconds) == (1, 0)
    assert settings.enable_model_warmup
    assert not settings.enable_batching


def test_good_values_follow_an_equals_sign_or_a_space() -> None:
    assert parse([BASE, "--port=9000", "--rest_api_port", "9001"]) == parse(
        ["--model_base_path", "/models/m", "--port", "9000", "--rest_api_port=9001"]
    )


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--enable_batching", True), ("--enable_batching=true", True), ("--enable_batching=false", False)],
)
def test_good_booleans_stand_alone_or_with_a_value(argument: str, value: bool) -> None:
    assert parse([BASE, argument]).enable_batching is value


def test_good_negative_poll_interval_means_never() -> None:
    assert parse([BASE, "--file_system_poll_wait_seconds=-1"]).file_system_poll_wait_seconds == -1


def test_bad_unknown_flag_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FlagError, match=r"Unknown flag: --foo=1\. Known flags: --port, --rest_api_port, "):
        parse([BASE, "--foo=1"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([BASE, "--port=http"], "invalid int value: 'http'"),
        ([BASE, "--port=70000"], "Expected --port between 0 and 65535. Received: 70000"),
        ([BASE, "--port=9000", "--rest_api_port=9000"], "Expected --rest_api_port to differ from --port"),
        ([BASE, "--enable_batching=maybe"], "Expected true or false. Received: 'maybe'"),
        ([], "Expected one of --model_base_path and --model_config_file. Received: neither"),
        ([BASE, "--model_config_file=/a"], "Received: both"),
        ([BASE, "--batching_parameters_file=/a"], "--batching_parameters_file needs --enable_batching"),
        ([BASE, "--max_num_load_retries=-1"], "of 0 or more"),
    ],
)
def test_bad_values_are_refused_with_what_was_wanted(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError, match=message.replace("(", r"\(")):
        parse(arguments)
