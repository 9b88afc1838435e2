"""Regress without a server: a number for each example, and the text of every mistake."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis import input_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.regress import regress
from serving.model_server.inference.servable import Servable
from tests.serving.model_server.inference.test_classify import examples


@pytest.mark.parametrize(("signature", "expected"), [("regress_x_to_y", [3, 12]), ("regress_x_to_y2", [4, 13])])
def test_good_values_come_from_a_column(half_plus_two: Servable, signature: str, expected: list[float]) -> None:
    result = regress(half_plus_two, signature, examples(2, 20))
    assert [one.value for one in result.regressions] == expected


def test_good_values_come_from_a_vector(oddities: Servable) -> None:
    assert [one.value for one in regress(oddities, "regress_flat", examples(1, 2)).regressions] == [7, 7]


WIDE = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
BAD_SIGNATURES = {
    "nosig": "No signature was found with the name: nosig",
    "classify_two_inputs": "Expected one input Tensor.",
    "regress_two_outputs": "Expected one output Tensor.",
    "regress_no_inputs": "No regression inputs found in SignatureDef: inputs {",
    "regress_no_outputs": "No regression outputs found in SignatureDef: inputs {",
    "regress_wide": WIDE + "[2,2]",
    "regress_scalar": WIDE + "[]",
    "regress_one_row": "Input batch size did not match output batch size: 2 vs. 1",
    "regress_doubles": "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE",
}


@pytest.mark.parametrize("signature", BAD_SIGNATURES)
def test_bad_signature_is_refused(oddities: Servable, signature: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        regress(oddities, signature, examples(1, 2))
    assert str(refusal.value).splitlines()[0] == BAD_SIGNATURES[signature]


def test_bad_signature_that_takes_no_strings_is_refused(half_plus_two: Servable) -> None:
    with pytest.raises(InvalidArgument, match=r"^Expects arg\[0\] to be float but string is provided$"):
        regress(half_plus_two, "regress_x2_to_y3", examples(1))


def test_bad_input_without_examples_is_refused(half_plus_two: Servable) -> None:
    with pytest.raises(InvalidArgument, match=r"^Input is empty\.$"):
        regress(half_plus_two, "regress_x_to_y", input_pb2.Input())


def test_bad_signature_of_another_method_is_refused_where_method_names_are_checked(
    half_plus_two: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(half_plus_two, "check_method_names", True)
    with pytest.raises(InvalidArgument) as refusal:
        regress(half_plus_two, "classify_x_to_y", examples(1))
    assert str(refusal.value) == (
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify"
    )
