"""Inputs joined and outputs split, array by array."""

from __future__ import annotations

import numpy as np
import pytest

from serving.model_server.batching import tensors
from serving.model_server.errors import FailedPrecondition, InvalidArgument


def join(*parts: np.ndarray, filling: int = 0, pad: bool = True) -> np.ndarray:
    return tensors.joined([{"x": part} for part in parts], filling, pad=pad)["x"]


def test_a_lone_request_is_not_copied() -> None:
    x = np.ones((2, 3))
    assert join(x, pad=False) is x
    assert join(x) is x


def test_the_first_row_of_the_last_task_fills_up() -> None:
    assert join(np.array([[1], [2]]), np.array([[3], [4]]), filling=2).tolist() == [[1], [2], [3], [4], [3], [3]]
    assert join(np.array([7, 8]), filling=1, pad=False).tolist() == [7, 8, 7]


def test_a_size_is_padded_to_the_first_allowed_one_that_is_large_enough() -> None:
    assert [tensors.padded_size(rows, (4, 2, 8)) for rows in (1, 3, 4, 5, 9)] == [4, 4, 4, 8, 9]
    assert tensors.padded_size(5, ()) == 5


def test_every_input_is_joined_under_its_own_name() -> None:
    parts = [{"a": np.array([1]), "b": np.array([[1.5]])}, {"b": np.array([[2.5]]), "a": np.array([2])}]
    joined = tensors.joined(parts, 0, pad=False)
    assert joined["a"].tolist() == [1, 2]
    assert joined["b"].tolist() == [[1.5], [2.5]]


def test_shorter_inputs_grow_after_each_dimension_with_their_own_first_value() -> None:
    joined = join(np.array([[[1, 2]]]), np.array([[[5], [6]]]))
    assert joined.tolist() == [[[1, 2], [1, 1]], [[5, 5], [6, 5]]]


def test_strings_keep_their_trailing_zero_bytes_when_they_are_padded() -> None:
    joined = join(np.array([[b"a\0"]], object), np.array([[b"b", b"c"]], object))
    assert joined.tolist() == [[b"a\0", b"a\0"], [b"b", b"c"]]


def test_inputs_without_values_grow_to_others_without_values() -> None:
    assert join(np.ones((1, 0, 2)), np.ones((1, 0, 3))).shape == (2, 0, 3)


def test_bad_empty_input_among_longer_ones() -> None:
    with pytest.raises(InvalidArgument, match=r"^Got empty tensor in batch of non-empty tensors\.$"):
        join(np.ones((1, 0)), np.ones((1, 2)))


def test_bad_rank_to_pad() -> None:
    assert join(np.ones([1] * 6)).ndim == 6
    with pytest.raises(InvalidArgument, match=r"^Only tensors with rank from 1 to 6 can be padded\.$"):
        join(np.ones([1] * 7))


def test_rows_are_the_common_first_dimension() -> None:
    assert tensors.rows_of({"a": np.ones((3, 2)), "b": np.ones(3)}) == 3
    assert tensors.rows_of({"a": np.ones((0, 2))}) == 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"a": np.ones(())}, "Batching Run() input tensors must have at least one dimension"),
        ({"a": np.ones(2), "b": np.ones(3)}, "Batching Run() input tensors must have equal 0th-dimension size"),
        ({"a": np.ones(0), "b": np.ones(3)}, "Batching Run() input tensors must have equal 0th-dimension size"),
    ],
)
def test_bad_inputs_without_common_rows(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        tensors.rows_of(inputs)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.ones(()), "Batched output tensor has 0 dimensions"),
        (
            np.ones(2),
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        ),
    ],
)
def test_bad_outputs_that_cannot_be_split(output: np.ndarray, message: str) -> None:
    tensors.check_outputs({"good": np.ones((3, 1))}, 3)
    with pytest.raises(FailedPrecondition) as refused:
        tensors.check_outputs({"good": np.ones((3, 1)), "y": output}, 3)
    assert str(refused.value) == message


def test_shares_are_views_and_pieces_are_put_together_again() -> None:
    outputs = {"y": np.arange(5)}
    share = tensors.share(outputs, 1, 3)
    assert share["y"].base is outputs["y"]
    assert tensors.concatenated([share, {"y": np.array([9])}])["y"].tolist() == [1, 2, 3, 9]
