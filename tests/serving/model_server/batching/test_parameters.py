"""The parameters file: every field, its default, and what is refused with which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.model_server.batching.parameters import BatchingParameters, read_batching_parameters
from serving.model_server.errors import InvalidArgument


def read(folder: Path, text: str) -> BatchingParameters:
    path = folder / "batching.txt"
    path.write_text(text)
    return read_batching_parameters(path)


def test_good_every_field_is_read(tmp_path: Path) -> None:
    text = """
      max_batch_size { value: 128 } batch_timeout_micros { value: 1500 } max_enqueued_batches { value: 7 }
      num_batch_threads { value: 3 } thread_pool_name { value: "pool" } allowed_batch_sizes: 8 allowed_batch_sizes: 128
      pad_variable_length_inputs: true enable_large_batch_splitting { value: true }
      max_execution_batch_size { value: 32 }
    """
    assert read(tmp_path, text) == BatchingParameters(
        max_batch_size=128,
        batch_timeout_s=0.0015,
        max_enqueued_batches=7,
        num_batch_threads=3,
        thread_pool_name="pool",
        allowed_batch_sizes=(8, 128),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=32,
    )


def test_good_an_empty_file_gives_the_official_defaults(tmp_path: Path) -> None:
    parameters = read(tmp_path, "")
    assert parameters == BatchingParameters()
    assert (parameters.max_batch_size, parameters.batch_timeout_s, parameters.max_enqueued_batches) == (1000, 0.0, 10)
    assert parameters.num_batch_threads == len(os.sched_getaffinity(0))
    assert parameters.thread_pool_name == "batch_threads"


def test_good_runs_are_as_large_as_requests_unless_they_are_split(tmp_path: Path) -> None:
    sizes = "max_batch_size { value: 8 } max_execution_batch_size { value: 2 }"
    assert read(tmp_path, sizes).run_limit == 8
    assert read(tmp_path, f"{sizes} enable_large_batch_splitting {{ value: true }}").run_limit == 2
    assert read(tmp_path, "max_batch_size { value: 8 } enable_large_batch_splitting { value: true }").run_limit == 8


def test_good_zero_enqueued_batches_are_taken_for_one(tmp_path: Path) -> None:
    assert read(tmp_path, "max_enqueued_batches { value: 0 }").max_enqueued_batches == 1


def test_good_allowed_sizes_need_not_rise_as_in_the_official_server(tmp_path: Path) -> None:
    text = "max_batch_size { value: 8 } allowed_batch_sizes: 4 allowed_batch_sizes: 2 allowed_batch_sizes: 8"
    assert read(tmp_path, text).allowed_batch_sizes == (4, 2, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("max_batch_size { value: 0 }", "input_batch_size_limit must be positive; was 0"),
        ("batch_timeout_micros { value: -3 }", "batch_timeout_micros must be non-negative; was -3"),
        (
            "max_enqueued_batches { value: 0 } enable_large_batch_splitting { value: true }",
            "max_enqueued_batches must be positive; was 0",
        ),
        (
            "max_batch_size { value: 16 } allowed_batch_sizes: 4 allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 16",
        ),
        (
            "allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 1000",
        ),
        (
            "max_batch_size { value: 4 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 8 }",
            "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to "
            "max_execution_batch_size.148",
        ),
    ],
)
def test_bad_parameters(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(tmp_path, text)
    assert str(refused.value) == message


@pytest.mark.parametrize("text", ["max_batch_size: 8", "no_such_field { value: 1 }", "allowed_batch_sizes: many", "{"])
def test_bad_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidArgument):
        read(tmp_path, text)


def test_bad_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"batching\.txt"):
        read_batching_parameters(tmp_path / "batching.txt")
