"""Answers as JSON, CSV and ndjson: the same facts in each, and numbers that read back as they were."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gateway.api.answer_csv import answer_csv, harmless
from gateway.api.answer_json import answer_json
from gateway.api.answer_lines import error_line, first_line, last_line, picture_line
from gateway.api.errors_json import error_json
from gateway.api.options import Options
from gateway.classify.answer import Answer, Refusal, Scores, Upload
from gateway.errors import Outcome
from gateway.versions.resolve import Resolved
from tests.gateway.fake_serving import card

SHOES = ("shoe/boot", "shoe/sandal", "bag", "top/shirt, long")
WORN = np.array([0.5, 0.25, 0.05, 0.2], np.float32)
TEXT = Refusal("unsupported_image", "Expected PNG. Received: text")


def answer(*results: Scores | Refusal, labels: tuple[str, ...] = SHOES, filename: str = "a.png") -> Answer:
    uploads = tuple(Upload(filename, b"") for _ in results)
    return Answer(Resolved("worn", 3, "stable"), card("worn", labels), uploads, results, 1.234, 0.5, 2.0)


def read(given: Answer, options: Options | None = None) -> Any:
    return json.loads(answer_json(given, options or Options(), "id-1"))


def table(given: Answer, options: Options | None = None) -> list[list[str]]:
    text = answer_csv(given, options or Options()).decode("utf-8")
    assert text.count("\r\n") == text.count("\n") == len(given.results) + 1
    return list(csv.reader(io.StringIO(text, newline="")))


def test_json_says_who_answers_and_everything_of_each_picture_in_order() -> None:
    assert read(answer(Scores(WORN), TEXT)) == {
        "model": {"name": "worn", "version": 3, "label": "stable"},
        "predictions": [
            {
                "filename": "a.png",
                "label": "shoe/boot",
                "probability": 0.5,
                "probabilities": dict(zip(SHOES, [0.5, 0.25, 0.05, 0.2], strict=True)),
                "categories": {"shoe": 0.75, "bag": 0.05, "top": 0.2},
            },
            {"filename": "a.png", "error": {"code": "unsupported_image", "message": "Expected PNG. Received: text"}},
        ],
        "request_id": "id-1",
        "timing_ms": {"decode": 1.23, "queue": 0.5, "predict": 2.0},
    }


def test_only_labels_of_two_levels_have_categories() -> None:
    for labels in (tuple("abcd"), tuple(f"all/{letter}" for letter in "abcd"), ("a/x", "b/x", "c/x", "d/x")):
        assert "categories" not in read(answer(Scores(WORN), labels=labels))["predictions"][0]


def test_known_is_told_where_the_card_has_a_threshold() -> None:
    told = [read(answer(Scores(WORN, known=known)))["predictions"][0].get("known") for known in (True, False, None)]
    assert told == [True, False, None]


def test_classes_are_listed_as_the_options_say_and_the_best_is_always_named() -> None:
    def keys(options: Options) -> list[str]:
        item = read(answer(Scores(WORN)), options)["predictions"][0]
        assert (item["label"], item["probability"]) == ("shoe/boot", 0.5)
        return list(item["probabilities"])

    assert keys(Options()) == list(SHOES)
    assert keys(Options(top_k=3)) == ["shoe/boot", "shoe/sandal", "top/shirt, long"]
    assert keys(Options(top_k=99)) == ["shoe/boot", "shoe/sandal", "top/shirt, long", "bag"]
    assert keys(Options(min_probability=0.2)) == ["shoe/boot", "shoe/sandal", "top/shirt, long"]
    assert keys(Options(top_k=3, min_probability=0.25)) == ["shoe/boot", "shoe/sandal"]
    assert keys(Options(min_probability=0.9)) == []


def test_of_equals_the_first_of_the_card_is_the_best() -> None:
    item = read(answer(Scores(np.full(4, 0.25, np.float32))), Options(top_k=2))["predictions"][0]
    assert (item["label"], list(item["probabilities"])) == ("shoe/boot", ["shoe/boot", "shoe/sandal"])


def test_a_heatmap_is_a_data_uri() -> None:
    item = read(answer(Scores(WORN, np.eye(2, dtype=np.float32))))["predictions"][0]
    assert item["heatmap"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize("name", ["%b %s %%", 'a"b\\', "naïve.png", "\udcff", "\x1f", "😀"])
def test_any_name_of_a_file_or_a_class_is_written(name: str) -> None:
    readable = name.encode("utf-8", "replace").decode()
    item = read(answer(Scores(WORN), labels=(name, "x%", "y", "z"), filename=name))["predictions"][0]
    assert (item["filename"], item["label"], next(iter(item["probabilities"]))) == (readable,) * 3


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 1, width=32)))
def test_probabilities_are_short_and_read_back_as_the_same_float32(
    values: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    labels = tuple(str(index) for index in range(len(values)))
    given = answer(Scores(values), labels=labels)
    listed = read(given)["predictions"][0]["probabilities"]
    assert np.array_equal(np.array(list(listed.values()), np.float32), values)
    cells = table(given)[1][6:]
    assert np.array_equal(np.array(cells, np.float32), values)
    assert all(len(cell) <= 15 for cell in cells)


def test_a_view_of_a_larger_array_is_written_as_its_values() -> None:
    matrix = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert list(read(answer(Scores(matrix[:, 1])))["predictions"][0]["probabilities"].values()) == [1, 3, 5, 7]


def test_csv_has_a_row_for_each_picture_and_a_column_for_each_class_and_category() -> None:
    header, good, bad = table(answer(Scores(WORN, known=True), TEXT))
    assert header[:6] == ["filename", "label", "probability", "known", "error", "message"]
    assert header[6:] == [*(f"probability:{label}" for label in SHOES), "category:shoe", "category:bag", "category:top"]
    assert good == ["a.png", "shoe/boot", "0.5", "true", "", "", "0.5", "0.25", "0.05", "0.2", "0.75", "0.05", "0.2"]
    assert bad == ["a.png", "", "", "", "unsupported_image", "Expected PNG. Received: text", *[""] * 7]


def test_csv_with_top_k_has_the_best_classes_side_by_side() -> None:
    header, row, bad = table(answer(Scores(WORN), TEXT), Options(top_k=2))
    assert header[6:] == ["label_1", "probability_1", "label_2", "probability_2"]
    assert row[6:] == ["shoe/boot", "0.5", "shoe/sandal", "0.25"]
    assert len(bad) == len(header)
    assert len(table(answer(Scores(WORN)), Options(top_k=99))[0]) == 6 + 2 * len(SHOES)


def test_csv_leaves_classes_below_the_smallest_wanted_probability_empty() -> None:
    assert table(answer(Scores(WORN)), Options(min_probability=0.2))[1][6:10] == ["0.5", "0.25", "", "0.2"]
    ranked = table(answer(Scores(WORN)), Options(top_k=3, min_probability=0.25))
    assert ranked[1][6:] == ["shoe/boot", "0.5", "shoe/sandal", "0.25", "", ""]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "a;=1", "\uff1d1", "\r=1"])
def test_csv_never_holds_a_cell_that_a_spreadsheet_would_run(name: str) -> None:
    assert "'" in harmless(name)
    cell = table(answer(Scores(WORN), filename=name))[1][0]
    assert cell == harmless(name)
    assert table(answer(Scores(WORN), labels=("=1", "b", "c", "d")))[1][1] == "'=1"


def test_csv_leaves_ordinary_names_as_they_are() -> None:
    for name in ("a.png", 'my "best", really.png', "x=1.png", "a-b;c.png", "übung.png"):
        assert table(answer(Scores(WORN), filename=name))[1][0] == name


def answer_lines(given: Answer, options: Options) -> list[bytes]:
    """All lines of an answer, of the request id-1."""
    results = zip(given.uploads, given.results, strict=True)
    pictures = [
        picture_line(index, upload.filename, result, given.card.labels, options)
        for index, (upload, result) in enumerate(results)
    ]
    return [first_line(given.resolved, "id-1"), *pictures, last_line(given)]


def test_lines_say_who_answers_then_each_picture_then_that_all_is_there() -> None:
    given = answer(Scores(WORN, known=False), TEXT)
    lines = [json.loads(line) for line in answer_lines(given, Options(top_k=1))]
    whole = read(given, Options(top_k=1))
    assert lines[0] == {"model": whole["model"], "request_id": "id-1"}
    assert lines[1:3] == [{"index": index} | item for index, item in enumerate(whole["predictions"])]
    assert lines[3] == {"predictions": 2, "timing_ms": whole["timing_ms"]}


def test_each_line_is_one_line() -> None:
    for line in answer_lines(answer(Scores(WORN), filename="a\nb"), Options()):
        assert line.count(b"\n") == 1
        assert line.endswith(b"}\n")


def test_errors_have_one_shape_and_name_each_refused_picture() -> None:
    outcome = Outcome(422, "every_image_bad", "None of the 2 files can be classified")
    alone = {"error": {"code": outcome.code, "message": outcome.message}, "request_id": "id-1"}
    assert json.loads(error_json(outcome, "id-1")) == json.loads(error_line(outcome, "id-1")) == alone
    refused = json.loads(error_json(outcome, "id-1", answer(TEXT, replace(TEXT, code="empty_image"))))
    assert [item["error"]["code"] for item in refused.pop("predictions")] == ["unsupported_image", "empty_image"]
    assert refused == alone
