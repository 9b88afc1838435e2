"""Options mean the same in the query, a form and JSON, and what is no option is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.options import OPTION_NAMES, Options, check_name, clean_filename, gather, read_options, read_query
from gateway.errors import BadOption
from gateway.versions.resolve import Wanted


def test_nothing_chosen_leaves_everything_to_the_gateway() -> None:
    assert read_options({}) == Options(Wanted(), None, False, 0.0, None)


def test_every_option_is_read() -> None:
    given = {"model": "digits", "version": "2", "top_k": "3", "explain": "on", "min_probability": "0.05"}
    assert read_options(given | {"format": "csv"}) == Options(Wanted("digits", 2), 3, True, 0.05, "csv")
    assert read_options({"label": "canary"}).wanted == Wanted(label="canary")


def test_a_form_sent_with_empty_fields_chooses_nothing() -> None:
    assert read_options(dict.fromkeys(OPTION_NAMES, " ")) == Options()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"version": "one"}, "version to be a whole number, at least 0. Received: 'one'"),
        ({"version": "-1"}, "Received: '-1'"),
        ({"version": "²"}, "Received: '²'"),
        ({"version": str(2**63)}, "Received: '9223372036854775808'"),
        ({"version": "9" * 200}, "whole number"),
        ({"version": "1", "label": "stable"}, "Expected version or label. Received: version 1 and label 'stable'"),
        ({"top_k": "0"}, "top_k to be a whole number, at least 1"),
        ({"top_k": "1.5"}, "Received: '1.5'"),
        ({"explain": "perhaps"}, "explain to be true or false. Received: 'perhaps'"),
        ({"min_probability": "1.01"}, "min_probability to be a number from 0 to 1. Received: '1.01'"),
        ({"min_probability": "nan"}, "Received: 'nan'"),
        ({"min_probability": "1_0e-1"}, "number from 0 to 1"),
        ({"format": "xml"}, "format to be one of json, csv, ndjson, html. Received: 'xml'"),
        ({"model": "m" * 201}, "model of at most 200 characters. Received: 201"),
        ({"model": "a\nb"}, "model without control characters"),
        ({"topk": "3"}, "Received: 'topk'. Did you mean top_k?"),
        ({"threshold": "3"}, "Expected the options explain, format, label, min_probability, model, top_k, version."),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_came_and_what_was_wanted(given: dict[str, str], told: str) -> None:
    with pytest.raises(BadOption) as caught:
        read_options(given)
    assert told in str(caught.value)


def test_the_same_option_in_two_places_must_say_the_same() -> None:
    assert gather([("top_k", "1")], [("top_k", "1"), ("model", "a")]) == {"top_k": "1", "model": "a"}
    with pytest.raises(BadOption, match=r"Expected 'top_k' once\. Received: '1' and '2'"):
        gather([("top_k", "1")], [("top_k", "2")])


def test_a_query_is_read_as_a_form_is() -> None:
    assert read_query(b"model=a%20b&explain=&top_k=1") == [("model", "a b"), ("explain", ""), ("top_k", "1")]
    assert read_query("") == []
    with pytest.raises(BadOption, match="at most 50 fields"):
        read_query("&".join(["a=1"] * 60))


def test_files_belong_into_the_field_of_the_pictures() -> None:
    check_name("images", file=True)
    check_name("top_k")
    with pytest.raises(BadOption, match=r"Expected files in the field 'images'\. Received: the field 'file'"):
        check_name("file", file=True)
    with pytest.raises(BadOption, match="to be a file, with a filename"):
        check_name("images")


def test_a_filename_comes_back_as_text_that_can_be_written() -> None:
    assert clean_filename("a\r\n\x00b.png") == "ab.png"
    assert clean_filename("über\udcff.png") == "über?.png"
    assert len(clean_filename("x" * 9999)) == 255


@given(st.dictionaries(st.sampled_from([*OPTION_NAMES, "other"]), st.text(max_size=300)))
def test_any_text_is_either_an_option_or_a_bad_one(given: dict[str, str]) -> None:
    with suppress(BadOption):
        assert 0 <= read_options(given).min_probability <= 1


@given(st.binary(max_size=300))
def test_any_query_is_either_read_or_refused(query: bytes) -> None:
    with suppress(BadOption):
        assert read_options(gather(read_query(query))).top_k != 0
