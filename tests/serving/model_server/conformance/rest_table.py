"""REST requests and TensorFlow Serving 2.20's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A request and its answer.

    Attributes:
        about: What it shows.
        method: GET or POST; a POST is ``/v1/models/`` and the path.
        path: The path below ``/v1/models/``, or from the root if it begins with a slash.
        body: What is posted: JSON as a string, or a value that is turned into JSON.
        status: The HTTP status.
        answer: The parsed JSON of the answer; for an error its text.
    """

    about: str
    method: str
    path: str
    body: Any
    status: int
    answer: Any


OK = {"error_code": "OK", "error_message": ""}
NAN, INFINITY = float("nan"), float("inf")
ELEMENT, ERROR = "Failed to process element: ", " of 'instances' list. Error: INVALID_ARGUMENT: "


def available(*versions: int) -> dict[str, Any]:
    """The status of versions that serve."""
    return {"model_version_status": [{"version": str(one), "state": "AVAILABLE", "status": OK} for one in versions]}


def signed(signature: str, **body: Any) -> dict[str, Any]:
    """A body for a signature."""
    return {"signature_name": signature, **body}


def info(name: str, dtype: str, *sizes: int) -> dict[str, Any]:
    """A ``TensorInfo``."""
    shape = {"dim": [{"size": str(size), "name": ""} for size in sizes], "unknown_rank": False}
    return {"name": name, "dtype": dtype, "tensor_shape": shape}


METADATA = {
    "model_spec": {"name": "counter", "signature_name": "", "version": "1"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "get": {
                    "inputs": {},
                    "outputs": {"output": info("got:0", "DT_FLOAT")},
                    "method_name": "tensorflow/serving/predict",
                    "defaults": {},
                },
                "increment_by": {
                    "inputs": {"step": info("step:0", "DT_FLOAT")},
                    "outputs": {"output": info("incremented:0", "DT_FLOAT")},
                    "method_name": "tensorflow/serving/predict",
                    "defaults": {},
                },
                "reset": {
                    "inputs": {},
                    "outputs": {"output": info("back:0", "DT_FLOAT")},
                    "method_name": "tensorflow/serving/predict",
                    "defaults": {},
                },
            }
        }
    },
}

# The requests of TensorFlow Serving's page on its REST API and of its own tests.
DOCUMENTED = [
    Row("status", "GET", "half_plus_three", None, 200, available(123)),
    Row("predict by rows", "POST", "half_plus_three:predict", {"instances": [1.0, 2.0, 5.0]},
        200, {"predictions": [3.5, 4.0, 5.5]}),
    Row("predict by columns", "POST", "half_plus_three:predict", {"inputs": [1.0, 2.0, 5.0]},
        200, {"outputs": [3.5, 4.0, 5.5]}),
    Row("regress", "POST", "half_plus_two:regress", signed("regress_x_to_y", examples=[{"x": 1.0}, {"x": 2.0}]),
        200, {"results": [2.5, 3.0]}),
    Row("classify", "POST", "half_plus_two:classify", signed("classify_x_to_y", examples=[{"x": 2.0}]),
        200, {"results": [[["", 3.0]]]}),
    Row("unknown model", "POST", "half:predict", {"instances": [1.0, 5.0]},
        404, "Servable not found for request: Latest(half)"),
    Row("metadata", "GET", "counter/metadata", None, 200, METADATA),
    Row("metadata of a version", "GET", "counter/versions/1/metadata", None, 200, METADATA),
    Row("a whole number that a float does not hold", "POST", "oddities:predict",
        signed("echo_float32", inputs=1435774380), 200, {"outputs": 1435774340.0}),
    Row("NaN and infinities in a feature", "POST", "half_plus_two:regress",
        '{"signature_name": "regress_x_to_y", "examples": [{"x": NaN}, {"x": Infinity}, {"x": -3.5}]}',
        200, {"results": [NAN, INFINITY, 0.25]}),
    Row("tensors of one row and two", "POST", "half_plus_two:predict", {"instances": [[[1, 2]], [[3, 4]]]},
        200, {"predictions": [[[2.5, 3.0]], [[3.5, 4.0]]]}),
]  # fmt: skip

GOOD = [
    Row("status of all versions, the newest first", "GET", "toolbox", None, 200, available(3, 1)),
    Row("status of a version", "GET", "toolbox/versions/1", None, 200, available(1)),
    Row("status by a label, which is not looked at", "GET", "toolbox/labels/stable", None, 200, available(3, 1)),
    Row("nor whether there is one", "GET", "toolbox/labels/canary", None, 200, available(3, 1)),
    Row("of members with the same name the first", "POST", "half_plus_three:predict",
        '{"instances": [1], "instances": [2]}', 200, {"predictions": [3.5]}),
    Row("predict with a version", "POST", "toolbox/versions/1:predict", {"instances": [1]},
        200, {"predictions": [2.5]}),
    Row("predict with a label", "POST", "toolbox/labels/stable:predict", {"instances": [1]},
        200, {"predictions": [2.5]}),
    Row("an encoded name", "POST", "half%5Fplus%5Fthree:predict", {"instances": [1]}, 200, {"predictions": [3.5]}),
    Row("the path's words in capitals", "POST", "/V1/Models/half_plus_three:predict", {"instances": [1]},
        200, {"predictions": [3.5]}),
    Row("nested lists", "POST", "half_plus_two:predict", {"instances": [[1.0, 2.0], [3.0, 4.0]]},
        200, {"predictions": [[2.5, 3.0], [3.5, 4.0]]}),
    Row("one input by name", "POST", "half_plus_three:predict", {"instances": [{"x": 1}, {"x": 2}]},
        200, {"predictions": [3.5, 4.0]}),
    Row("columns by name", "POST", "half_plus_three:predict", {"inputs": {"x": [1, 2]}}, 200, {"outputs": [3.5, 4.0]}),
    Row("several inputs and outputs by rows", "POST", "toolbox/versions/1:predict",
        signed("two", instances=[{"a": 1.0, "b": 2}, {"a": 3.5, "b": 4}]),
        200, {"predictions": [{"sum": 3.0, "product": 2.0}, {"sum": 7.5, "product": 14.0}]}),
    Row("several inputs and outputs by columns", "POST", "toolbox/versions/1:predict",
        signed("two", inputs={"a": [1.0, 3.5], "b": [2, 4]}),
        200, {"outputs": {"sum": [3.0, 7.5], "product": [2.0, 14.0]}}),
    Row("text and base64 in, base64 out for _bytes", "POST", "toolbox/versions/1:predict",
        signed("echo", instances=["één", {"b64": "endlaQ=="}]),
        200, {"predictions": [{"text": "één", "text_bytes": {"b64": "w6nDqW4="}},
                              {"text": "zwei", "text_bytes": {"b64": "endlaQ=="}}]}),
    Row("uint8 pictures", "POST", "toolbox/versions/1:predict",
        signed("brightness", instances=[[[[10], [20]], [[30], [40]]]]), 200, {"predictions": [25.0]}),
    Row("scalars by columns", "POST", "oddities:predict", signed("scalar", inputs={"a": 2, "b": 3}),
        200, {"outputs": 5.0}),
    Row("integers of 64 bits", "POST", "oddities:predict",
        signed("echo_int64", inputs=[-9223372036854775808, 9223372036854775807]),
        200, {"outputs": [-9223372036854775808, 9223372036854775807]}),
    Row("unsigned integers of 64 bits", "POST", "oddities:predict",
        signed("echo_uint64", inputs=[18446744073709551615]), 200, {"outputs": [18446744073709551615]}),
    Row("booleans", "POST", "oddities:predict", signed("echo_bool", inputs=[True, False]),
        200, {"outputs": [True, False]}),
    Row("NaN and infinities", "POST", "half_plus_three:predict", '{"instances": [NaN, Infinity, -Infinity]}',
        200, {"predictions": [NAN, INFINITY, -INFINITY]}),
    Row("Inf for short", "POST", "half_plus_three:predict", '{"instances": [Inf, -Inf]}',
        200, {"predictions": [INFINITY, -INFINITY]}),
    Row("exponents", "POST", "half_plus_three:predict", '{"instances": [2e0, 4E+0, 200e-2]}',
        200, {"predictions": [4.0, 5.0, 4.0]}),
    Row("floats in as few digits as give them back", "POST", "oddities:predict",
        signed("echo_float32", inputs=[0.1, 16777216.0, 1e-7, 1.2345678]),
        200, {"outputs": [0.1, 16777216.0, 1e-7, 1.23456776]}),
    Row("integers with more digits than a float has, and numbers beyond it", "POST", "oddities:predict",
        signed("echo_float32", inputs=[16777217, 123456789012345678901, 1e39, -1e39]),
        200, {"outputs": [16777216.0, 1.2345679e20, INFINITY, -INFINITY]}),
    Row("no rows left", "POST", "half_plus_three:predict", {"instances": [[]]}, 200, {"predictions": [[]]}),
    Row("keys that it does not know", "POST", "half_plus_three:predict", {"instances": [1], "more": {}},
        200, {"predictions": [3.5]}),
    Row("an empty list by columns", "POST", "half_plus_three:predict", {"inputs": []}, 200, {"outputs": []}),
    Row("a list for a feature", "POST", "half_plus_two:regress", signed("regress_x_to_y", examples=[{"x": [2.0]}]),
        200, {"results": [3.0]}),
    Row("a context", "POST", "half_plus_two:regress",
        signed("regress_x_to_y", context={"x": 2.0}, examples=[{}, {"x2": 1.0}]), 200, {"results": [3.0, 3.0]}),
    Row("classes and scores", "POST", "oddities:classify", signed("classify_both", examples=[{"x": 1.0}, {}]),
        200, {"results": [[["no", 0.25], ["yes", 0.75]], [["no", 0.25], ["yes", 0.75]]]}),
]  # fmt: skip

MALFORMED = [
    Row("a model named metadata", "GET", "metadata", None, 404, "Could not find any versions of model metadata"),
    Row("no model", "GET", "/v1/models", None, 400, "Missing model name in request."),
    Row("no model to post to", "POST", "/v1/models", {}, 400, "Malformed request: POST /v1/models"),
    Row("another resource", "GET", "/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
    Row("get a prediction", "GET", "toolbox:predict", None, 400, "Malformed request: GET /v1/models/toolbox:predict"),
    Row("post without a method", "POST", "toolbox", {"instances": [1]},
        400, "Malformed request: POST /v1/models/toolbox"),
    Row("another method", "POST", "toolbox:explain", {}, 400, "Malformed request: POST /v1/models/toolbox:explain"),
    Row("a method in capitals", "POST", "toolbox:PREDICT", {"instances": [1]},
        400, "Malformed request: POST /v1/models/toolbox:PREDICT"),
    Row("a version that is no number", "POST", "toolbox/versions/one:predict", {},
        400, "Malformed request: POST /v1/models/toolbox/versions/one:predict"),
    Row("version in the singular", "POST", "toolbox/version/1:regress", {},
        400, "Malformed request: POST /v1/models/toolbox/version/1:regress"),
    Row("a version and a label", "POST", "toolbox/versions/1/labels/stable:predict", {},
        400, "Malformed request: POST /v1/models/toolbox/versions/1/labels/stable:predict"),
    Row("a query", "POST", "toolbox:predict?x=1", {"instances": [1]},
        400, "Malformed request: POST /v1/models/toolbox:predict?x=1"),
    Row("a slash at the end", "GET", "toolbox/", None, 400, "Malformed request: GET /v1/models/toolbox/"),
    Row("put", "PUT", "toolbox:predict", {}, 400, "Malformed request: PUT /v1/models/toolbox:predict"),
    Row("delete", "DELETE", "toolbox", None, 400, "Malformed request: DELETE /v1/models/toolbox"),
    Row("options", "OPTIONS", "toolbox", None, 400, "Malformed request: OPTIONS /v1/models/toolbox"),
]  # fmt: skip

BAD = [
    Row("status of an unknown model", "GET", "nope", None, 404, "Could not find any versions of model nope"),
    Row("status of an unknown version", "GET", "toolbox/versions/999", None,
        404, "Could not find version 999 of model toolbox"),
    Row("metadata of an unknown version", "GET", "counter/versions/9/metadata", None,
        404, "Servable not found for request: Specific(counter, 9)"),
    Row("metadata of an unknown label", "GET", "toolbox/labels/canary/metadata", None,
        400, "Unrecognized servable version label: canary"),
    Row("rows and columns", "POST", "toolbox:predict", '{"inputs":[1],"instances":[1]}',
        400, "JSON Value: {\n    \"inputs\": [\n        1\n    ],\n    \"instances\": [\n        1\n    ]\n} "
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "),
    Row("metadata of an unknown model", "GET", "nope/metadata", None,
        404, "Servable not found for request: Latest(nope)"),
    Row("unknown version", "POST", "toolbox/versions/999:predict", {"instances": [1]},
        404, "Servable not found for request: Specific(toolbox, 999)"),
    Row("unknown label", "POST", "toolbox/labels/canary:predict", {"instances": [1]},
        400, "Unrecognized servable version label: canary"),
    Row("no body", "POST", "toolbox:predict", "", 400, "JSON Parse error: The document is empty"),
    Row("spaces for a body", "POST", "toolbox:predict", "  ",
        400, "JSON Parse error: The document is empty. at offset: 2"),
    Row("a number too big", "POST", "toolbox:predict", '{"instances":[1e400]}',
        400, "JSON Parse error: Number too big to be stored in double. at offset: 14"),
    Row("no JSON", "POST", "toolbox:predict", "instances = [1, 2]",
        400, "JSON Parse error: Invalid value. at offset: 0"),
    Row("a row without one of its inputs", "POST", "toolbox/versions/1:predict", signed("two", instances=[{"a": 1.0}]),
        400, f"{ELEMENT}0 of 'instances' list. JSON object: {{\n    \"a\": 1.0\n}} keys must be equal to: a,b"),
    Row("cut off", "POST", "toolbox:predict", '{"instances":[1.0',
        400, "JSON Parse error: Missing a comma or ] after an array element. at offset: 17"),
    Row("an object cut off", "POST", "toolbox:predict", '{"instances":[1.0]',
        400, "JSON Parse error: Missing a comma or } after an object member. at offset: 18"),
    Row("a comma too many", "POST", "toolbox:predict", '{"instances":[1.0,]}',
        400, "JSON Parse error: Invalid value. at offset: 18"),
    Row("a name without quotes", "POST", "toolbox:predict", "{instances:[1.0]}",
        400, "JSON Parse error: Missing a name for object member. at offset: 1"),
    Row("no colon", "POST", "toolbox:predict", '{"instances" [1.0]}',
        400, "JSON Parse error: Missing a colon after a name of object member. at offset: 13"),
    Row("more after the end", "POST", "toolbox:predict", '{"instances":[1.0]} 1',
        400, "JSON Parse error: The document root must not be followed by other values. at offset: 20"),
    Row("a list", "POST", "toolbox:predict", [1], 400, "JSON Value: [\n    1\n] Is not object"),
    Row("a name that is no string", "POST", "toolbox:predict", '{"signature_name":1}',
        400, "JSON Value: {\n    \"signature_name\": 1\n} not formatted correctly. "
        "'signature_name' key must be a string value."),
    Row("unknown signature", "POST", "toolbox:predict", signed("nosig", instances=[1]),
        400, 'Serving signature name: "nosig" not found in signature def'),
    Row("a signature without inputs", "POST", "counter:predict", signed("get", inputs={}),
        400, "Failed to get input map for signature: get"),
    Row("neither rows nor columns", "POST", "toolbox:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
    Row("no rows", "POST", "toolbox:predict", '{"instances":[]}',
        400, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    Row("rows that are no list", "POST", "toolbox:predict", '{"instances":1}',
        400, "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"),
    Row("ragged rows", "POST", "half_plus_two:predict", {"instances": [[1.0], [1.0, 2.0]]},
        400, f"{ELEMENT}1{ERROR}Expecting tensor size: 1 but got: 2"),
    Row("rows of different shapes", "POST", "half_plus_two:predict", {"instances": [[1.0, 2.0], [[1.0], [2.0]]]},
        400, f"{ELEMENT}1{ERROR}Expecting shape [2] but got: [2,1]"),
    Row("a string for a number", "POST", "half_plus_two:predict", {"instances": ["a"]},
        400, f'{ELEMENT}0{ERROR}JSON Value: "a" Type: String is not of expected type: float'),
    Row("null", "POST", "half_plus_two:predict", {"instances": [None]},
        400, f"{ELEMENT}0{ERROR}JSON Value: null Type: Null is not of expected type: float"),
    Row("a fraction for an integer", "POST", "oddities:predict", signed("echo_int32", inputs=[1.5]),
        400, "JSON Value: 1.5 Type: Number is not of expected type: int32"),
    Row("an unknown input", "POST", "half_plus_two:predict", {"instances": [{"z": 1.0}]},
        400, f"{ELEMENT}0 key: z{ERROR}JSON object: does not have named input: z"),
    Row("names, then none", "POST", "half_plus_two:predict", {"instances": [{"x": 1.0}, 2.0]},
        400, "Expecting object but got list at item 1 of input list"),
    Row("none, then names", "POST", "half_plus_two:predict", {"instances": [1.0, {"x": 2.0}]},
        400, "Expecting value/list but got object at item 1 of input list"),
    Row("plain rows for several inputs", "POST", "toolbox/versions/1:predict", signed("two", instances=[1.0]),
        400, "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map"),
    Row("plain columns for several inputs", "POST", "toolbox/versions/1:predict", signed("two", inputs=[1.0]),
        400, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
        "tensorinfo_map"),
    Row("a missing column", "POST", "toolbox/versions/1:predict", signed("two", inputs={"a": [1.0]}),
        400, "Missing named input: b in 'inputs' object."),
    Row("ragged columns", "POST", "half_plus_two:predict", {"inputs": [[1.0], [1.0, 2.0]]},
        400, "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
    Row("columns with a list too deep", "POST", "half_plus_two:predict", {"inputs": [1.0, [2.0]]},
        400, "Encountered list at unexpected level: 1 expected < 1"),
    Row("no base64", "POST", "toolbox/versions/1:predict", signed("echo", instances=[{"b64": "?"}]),
        400, "Unable to base64 decode"),
    Row("regress without examples", "POST", "half_plus_two:regress", '{"signature_name":"regress_x_to_y"}',
        400, "JSON Value: {\n    \"signature_name\": \"regress_x_to_y\"\n} "
        "When method is classify, key 'examples' is expected and was not found"),
    Row("examples that are no list", "POST", "half_plus_two:regress", '{"examples":1}',
        400, "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array"),
    Row("no example", "POST", "half_plus_two:classify", '{"examples":[]}',
        400, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
    Row("an example that is no object", "POST", "half_plus_two:classify", {"examples": [1]},
        400, "Example must be JSON object but got JSON Number"),
    Row("an object for a feature", "POST", "half_plus_two:classify", {"examples": [{"x": {"y": 1}}]},
        400, "Feature: x has element with unexpected JSON type: Object"),
    Row("null for a feature", "POST", "half_plus_two:classify", {"examples": [{"x": None}]},
        400, "Feature: x has element with unexpected JSON type: Null"),
    Row("a feature of two types", "POST", "half_plus_two:classify", {"examples": [{"x": [1.5, "a"]}]},
        400, "Unexpected element type in feature: x expecting type: float"),
    Row("a feature too large", "POST", "half_plus_two:classify", {"examples": [{"x": 18446744073709551615}]},
        400, "Feature: x has uint64_t element. Only int64_t is supported."),
    Row("classify with an unknown signature", "POST", "half_plus_two:classify", signed("nosig", examples=[{"x": 1.0}]),
        400, "No signature was found with the name: nosig"),
]  # fmt: skip

ROWS = [*DOCUMENTED, *GOOD, *MALFORMED, *BAD]
