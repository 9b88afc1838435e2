"""The command line takes the official flags in both spellings and says what is wrong, in the official words."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from serving.model_server.command_line import FlagError, parse, usage, versions
from serving.model_server.flags import Settings, changed

BASE = "--model_base_path=/models/m"
START = "Failed to start server. Error: INVALID_ARGUMENT: "


def test_good_defaults_are_those_of_tensorflow_serving() -> None:
    settings = parse([BASE])
    assert settings == Settings(model_base_path="/models/m")
    assert (settings.port, settings.rest_api_port, settings.model_name) == (8500, 0, "default")
    assert (settings.file_system_poll_wait_seconds, settings.model_config_file_poll_wait_seconds) == (1, 0)
    assert settings.grpc_max_threads == settings.rest_api_num_threads > 0
    assert settings.saved_model_tags == "serve"
    assert settings.enable_model_warmup
    assert not settings.enable_batching


def test_good_values_follow_an_equals_sign_or_a_space() -> None:
    assert parse([BASE, "--port=9000", "--rest_api_port", "9001"]) == parse(
        ["--model_base_path", "/models/m", "--port", "9000", "--rest_api_port=9001"]
    )


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching=false"], False),
        (["--enable_batching", "false"], False),
        (["--enable_batching", "--port=9000"], True),
    ],
)
def test_good_booleans_stand_alone_or_with_a_value(arguments: list[str], value: bool) -> None:
    assert parse([BASE, *arguments]).enable_batching is value


def test_good_values_keep_what_follows_the_first_equals_sign() -> None:
    arguments = "grpc.max_connection_age_ms=2000,grpc.keepalive_time_ms=1"
    assert parse([BASE, f"--grpc_channel_arguments={arguments}"]).grpc_channel_arguments == arguments


def test_good_negative_poll_interval_means_never() -> None:
    assert parse([BASE, "--file_system_poll_wait_seconds", "-1"]).file_system_poll_wait_seconds == -1


def test_good_the_last_of_two_values_counts() -> None:
    assert parse([BASE, "--port=9000", "--port=9001"]).port == 9001


def test_good_a_config_file_goes_before_a_base_path_and_a_socket_may_stand_for_the_port() -> None:
    assert parse([BASE, "--model_config_file=/a", "--port=0", "--grpc_socket_path=/s"]).model_config_file == "/a"


def test_good_version_asks_for_nothing_else() -> None:
    assert parse(["--version"]).version
    assert re.fullmatch(r"TensorFlow ModelServer: 2\.\d+\.\d+\S*\nTensorFlow Library: 2\.\d+\.\d+\S*", versions())


def test_usage_has_a_line_for_every_flag_in_the_official_layout() -> None:
    lines = usage().splitlines()
    assert lines[:3] == [
        "usage: python -m serving.model_server",
        "Flags:",
        "\t--port=8500                      \tint32\tTCP port of the gRPC API; 0: none",
    ]
    assert len(lines) == 2 + len(fields(Settings))
    assert '\t--model_name="default"           \tstring\tname of the model at --model_base_path' in lines
    assert any(line.startswith("\t--per_process_gpu_memory_fraction=0.000000\tfloat\t") for line in lines)
    assert any(line.startswith("\t--enable_model_warmup=true       \tbool\t") for line in lines)


def test_flags_that_are_not_the_default_are_known_with_why_they_are_ignored() -> None:
    settings = parse([BASE, "--skip_initialize_tpu", "--port=8500"])
    assert [(flag.name, value, flag.metadata["ignored"]) for flag, value in changed(settings)] == [
        ("model_base_path", "/models/m", ""),
        ("skip_initialize_tpu", "true", "this server computes on CPUs"),
    ]


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("--foo=1", ""),
        ("--prot=1", "\nDid you mean --port?"),
        ("--noenable_batching", "\nDid you mean --enable_batching?"),
        ("8500", ""),
    ],
)
def test_bad_unknown_arguments_are_refused_with_the_nearest_flag_and_the_list(argument: str, hint: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse([BASE, argument])
    assert str(caught.value) == f"unknown argument: {argument}{hint}\n{usage()}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port=http"], "Couldn't interpret value http for flag port."),
        (["--port="], "Couldn't interpret value  for flag port."),
        (["--port=2147483648"], "Couldn't interpret value 2147483648 for flag port."),
        (["--enable_batching=maybe"], "Couldn't interpret value =maybe for flag enable_batching."),
        (["--per_process_gpu_memory_fraction=x"], "Couldn't interpret value x for flag per_process_gpu_memory_fra"),
        (["--port"], "Expected a value after --port. Received: the end of the command line"),
        (["--port=70000"], "Expected --port between 0 and 65535. Received: 70000"),
        (["--model_base_path="], f"{START}Both server_options.model_base_path and server_options.model_config_file"),
        (["--batching_parameters_file=/a"], f"{START}server_options.batching_parameters_file is set without setting"),
        (["--port=0"], f"{START}At least one of server_options.grpc_port or server_options.grpc_socket_path must be"),
        (["--use_alts_credentials", "--ssl_config_file=/a"], f"{START}Only one of server_options.use_alts_credentials"),
        (
            [f"--tensorflow_{kind}_parallelism=1" for kind in ("session", "intra_op", "inter_op")],
            f"{START}Either configure server_options.tensorflow_session_parallelism or",
        ),
    ],
)
def test_bad_values_are_refused_with_what_was_wanted(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError, match=re.escape(message)):
        parse([BASE, *arguments])
