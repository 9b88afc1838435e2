"""gRPC requests and TensorFlow Serving 2.20's answers. Requests and responses are text-proto; errors are their text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A request and its answer.

    Attributes:
        method: The call.
        about: What it shows.
        request: The request message.
        code: The status code.
        answer: The whole response message, or the error's whole text.
    """

    method: str
    about: str
    request: str
    code: str
    answer: str


TWO, THREE, TOOLBOX, ODDITIES, COUNTER = "half_plus_two", "half_plus_three", "toolbox", "oddities", "counter"
CLASSIFY, REGRESS, PREDICT = (f"tensorflow/serving/{method}" for method in ("classify", "regress", "predict"))
DEFAULT = "serving_default"


def spec(name: str, version: int | None = None, signature: str = "", *, label: str = "") -> str:
    """The ``model_spec`` of a request or an answer."""
    parts = [f"name: '{name}'"]
    if version is not None:
        parts.append(f"version {{ value: {version} }}")
    if signature:
        parts.append(f"signature_name: '{signature}'")
    if label:
        parts.append(f"version_label: '{label}'")
    return f"model_spec {{ {' '.join(parts)} }} "


def floats(*values: float, shape: tuple[int, ...] | None = None) -> str:
    """A float tensor with typed values; one dimension unless told otherwise."""
    return f"dtype: DT_FLOAT {dims(*(shape if shape is not None else (len(values),)))} float_val: {list(values)}"


def dims(*sizes: int) -> str:
    """A tensor's shape."""
    return f"tensor_shape {{ {' '.join(f'dim {{ size: {size} }}' for size in sizes)} }}"


def feed(alias: str, value: str) -> str:
    """An entry of ``inputs``."""
    return f"inputs {{ key: '{alias}' value {{ {value} }} }} "


def out(alias: str, value: str) -> str:
    """An entry of ``outputs``."""
    return f"outputs {{ key: '{alias}' value {{ {value} }} }} "


def x(*values: float) -> str:
    """The input ``x``."""
    return feed("x", floats(*values))


def y(*values: float) -> str:
    """The output ``y``."""
    return out("y", floats(*values))


def example(**features: float) -> str:
    """The ``features`` of a ``tf.Example``."""
    found = "".join(
        f"feature {{ key: '{name}' value {{ float_list {{ value: {value} }} }} }}" for name, value in features.items()
    )
    return f"{{ features {{ {found} }} }}"


def examples(*rows: str) -> str:
    """The ``input`` of Classify and its siblings."""
    return f"input {{ example_list {{ {' '.join(f'examples {row}' for row in rows)} }} }}"


def task(model: str, signature: str, method: str) -> str:
    """A task of a MultiInference request."""
    return f"tasks {{ {spec(model, signature=signature)} method_name: '{method}' }}"


def available(*versions: int) -> str:
    """A ``GetModelStatusResponse``."""
    return "".join(
        f"model_version_status {{ version: {version} state: AVAILABLE status {{}} }}" for version in versions
    )


def signature(name: str, output: str, more: str = "") -> str:
    """A signature of the model ``counter`` in its metadata."""
    tensor = f"name: '{output}' dtype: DT_FLOAT tensor_shape {{}}"
    outputs = f"outputs {{ key: 'output' value {{ {tensor} }} }}"
    return f"signature_def {{ key: '{name}' value {{ {more} {outputs} method_name: '{PREDICT}' }} }}"


def reload(*models: tuple[str, str, str]) -> str:
    """A ``ReloadConfigRequest`` of names, base paths and platforms."""
    entries = "".join(
        f"config {{ name: '{name}' base_path: '{base}' model_platform: '{platform}' }}"
        for name, base, platform in models
    )
    return f"config {{ model_config_list {{ {entries} }} }}"


SIZE = "input size does not match signature: "
ONE = examples(example(x=2))
THREES = "regressions { value: 3 }", "classifications { classes { score: 3 } }"
NO_YES = "classifications { classes { label: 'no' score: 0.25 } classes { label: 'yes' score: 0.75 } }"
TWO_STRINGS = r"dtype: DT_STRING tensor_shape { dim { size: 2 } } string_val: ['a', '\377']"
STEP = "inputs { key: 'step' value { name: 'step:0' dtype: DT_FLOAT tensor_shape {} } }"

PREDICTS = [
    Row("Predict", "the official first request", spec(TWO) + feed("x", floats(2, shape=(1, 1))),
        "OK", spec(TWO, 123, DEFAULT) + out("y", floats(3, shape=(1, 1)))),
    Row("Predict", "the latest version", spec(TOOLBOX) + x(1, 2, 5), "OK", spec(TOOLBOX, 3, DEFAULT) + y(3.5, 4, 5.5)),
    Row("Predict", "a version", spec(TOOLBOX, 1) + x(1, 2, 5), "OK", spec(TOOLBOX, 1, DEFAULT) + y(2.5, 3, 4.5)),
    Row("Predict", "a label", spec(TOOLBOX, label="stable") + x(1), "OK", spec(TOOLBOX, 1, DEFAULT) + y(2.5)),
    Row("Predict", "tensor_content",
        spec(THREE) + feed("x", rf"dtype: DT_FLOAT {dims(2)} tensor_content: '\000\000\200?\000\000\000@'"),
        "OK", spec(THREE, 123, DEFAULT) + y(3.5, 4)),
    Row("Predict", "one value for all", spec(THREE) + feed("x", f"dtype: DT_FLOAT {dims(3)} float_val: 2"),
        "OK", spec(THREE, 123, DEFAULT) + y(4, 4, 4)),
    Row("Predict", "an empty batch", spec(THREE) + x(), "OK", spec(THREE, 123, DEFAULT) + y()),
    Row("Predict", "output_filter",
        spec(TOOLBOX, 1, "two") + feed("a", floats(2)) + feed("b", f"dtype: DT_INT32 {dims(1)} int_val: 3")
        + "output_filter: 'product'",
        "OK", spec(TOOLBOX, 1, "two") + out("product", floats(6))),
    Row("Predict", "strings", spec(TOOLBOX, 1, "echo") + feed("text", TWO_STRINGS) + "output_filter: 'text'",
        "OK", spec(TOOLBOX, 1, "echo") + out("text", TWO_STRINGS)),
    Row("Predict", "a table from an asset file",
        spec(TWO, signature="lookup") + feed("words", f"dtype: DT_STRING {dims(2)} string_val: ['two', 'six']"),
        "OK", spec(TWO, 123, "lookup") + out("ids", f"dtype: DT_INT64 {dims(2)} int64_val: [2, -1]")),
    Row("Predict", "a signature made for Regress",
        spec(TWO, signature="regress_x2_to_y3") + feed("inputs", floats(2, shape=(1, 1))),
        "OK", spec(TWO, 123, "regress_x2_to_y3") + out("outputs", floats(4, shape=(1, 1)))),
    Row("Predict", "scalars",
        spec(ODDITIES, signature="scalar") + feed("a", floats(2, shape=()))
        + feed("b", f"dtype: DT_INT32 {dims()} int_val: 3"),
        "OK", spec(ODDITIES, 1, "scalar") + out("sum", floats(5, shape=()))),
    Row("Predict", "a default for an input not sent", spec(ODDITIES, signature="defaults") + feed("a", floats(2)),
        "OK", spec(ODDITIES, 1, "defaults") + out("sum", floats(12))),
    *(
        Row("Predict", f"{dtype}, one dimension", spec(ODDITIES, signature=f"echo_{name}") + feed("given", value),
            "OK", spec(ODDITIES, 1, f"echo_{name}") + out("given", value))
        for name, dtype, values in (
            ("float16", "DT_HALF", "half_val: [15360, 16384]"),
            ("bfloat16", "DT_BFLOAT16", "half_val: [16256, 16384]"),
            ("float32", "DT_FLOAT", "float_val: [0.1, inf]"),
            ("float64", "DT_DOUBLE", "double_val: [0.1, -inf]"),
            ("complex64", "DT_COMPLEX64", "scomplex_val: [1, 2, 3, 4]"),
            ("complex128", "DT_COMPLEX128", "dcomplex_val: [1, 2, 3, 4]"),
            ("bool", "DT_BOOL", "bool_val: [true, false]"),
            ("string", "DT_STRING", "string_val: ['', 'b']"),
            ("int8", "DT_INT8", "int_val: [-128, 127]"),
            ("int16", "DT_INT16", "int_val: [-32768, 32767]"),
            ("int32", "DT_INT32", "int_val: [-2147483648, 2147483647]"),
            ("int64", "DT_INT64", "int64_val: [-9223372036854775808, 9223372036854775807]"),
            ("uint8", "DT_UINT8", "int_val: [0, 255]"),
            ("uint16", "DT_UINT16", "int_val: [0, 65535]"),
            ("uint32", "DT_UINT32", "uint32_val: [0, 4294967295]"),
            ("uint64", "DT_UINT64", "uint64_val: [0, 18446744073709551615]"),
        )
        for value in [f"dtype: {dtype} {dims(2)} {values}"]
    ),
    Row("Predict", "a signature without inputs", spec(COUNTER, signature="reset"),
        "OK", spec(COUNTER, 1, "reset") + out("output", floats(0, shape=()))),
    Row("Predict", "a variable that changes",
        spec(COUNTER, signature="increment_by") + feed("step", floats(2.5, shape=())),
        "OK", spec(COUNTER, 1, "increment_by") + out("output", floats(2.5, shape=()))),
    Row("Predict", "a variable that has changed", spec(COUNTER, signature="get"),
        "OK", spec(COUNTER, 1, "get") + out("output", floats(2.5, shape=()))),
]  # fmt: skip

BAD_PREDICTS = [
    Row("Predict", "no model spec", x(1), "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("Predict", "no model name", "model_spec {}" + x(1), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    Row("Predict", "unknown model", spec("nope") + x(1), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
    Row("Predict", "unknown version", spec(TOOLBOX, 999) + x(1),
        "NOT_FOUND", "Servable not found for request: Specific(toolbox, 999)"),
    Row("Predict", "unknown label", spec(TOOLBOX, label="canary") + x(1),
        "INVALID_ARGUMENT", "Unrecognized servable version label: canary"),
    Row("Predict", "unknown signature", spec(THREE, signature="nosig") + x(1),
        "FAILED_PRECONDITION", 'Serving signature key "nosig" not found.'),
    Row("Predict", "wrong input name", spec(THREE) + feed("z", floats(1)),
        "INVALID_ARGUMENT",
        "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value provided. "
        "Inputs expected to be in the request {z}, or default input alias set: "),
    Row("Predict", "missing input", spec(THREE),
        "INVALID_ARGUMENT", SIZE + "0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."),
    Row("Predict", "an input too many", spec(THREE) + x(1) + feed("z", floats(1)),
        "INVALID_ARGUMENT", SIZE + "2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."),
    Row("Predict", "wrong dtype", spec(THREE) + feed("x", f"dtype: DT_INT32 {dims(1)} int_val: 1"),
        "INVALID_ARGUMENT", "Expects arg[0] to be float but int32 is provided"),
    Row("Predict", "content of the wrong length",
        spec(THREE) + feed("x", f"dtype: DT_FLOAT {dims(4)} tensor_content: '123'"),
        "INVALID_ARGUMENT", "tensor parsing error: x"),
    Row("Predict", "a tensor without a dtype", spec(THREE) + feed("x", ""),
        "INVALID_ARGUMENT", "tensor parsing error: x"),
    Row("Predict", "a size below zero", spec(THREE) + feed("x", f"dtype: DT_FLOAT {dims(-1)} float_val: 2"),
        "INVALID_ARGUMENT", "tensor parsing error: x"),
    Row("Predict", "a shape of unknown rank",
        spec(THREE) + feed("x", "dtype: DT_FLOAT tensor_shape { unknown_rank: true } float_val: 2"),
        "INVALID_ARGUMENT", "tensor parsing error: x"),
    Row("Predict", "unknown output", spec(THREE) + x(1) + "output_filter: 'q'",
        "INVALID_ARGUMENT", "output tensor alias not found in signature: q Outputs expected to be in the set {y}."),
    Row("Predict", "an output twice", spec(THREE) + x(1) + "output_filter: ['y', 'y']",
        "INVALID_ARGUMENT", "duplicate output tensor alias: y"),
]  # fmt: skip

EXAMPLES = [
    Row("Classify", "scores", spec(TWO, signature="classify_x_to_y") + ONE,
        "OK", spec(TWO, 123, "classify_x_to_y") + f"result {{ {THREES[1]} }}"),
    Row("Classify", "classes and scores of two",
        spec(ODDITIES, signature="classify_both") + examples(example(x=1), example(x=2)),
        "OK", spec(ODDITIES, 1, "classify_both") + f"result {{ {NO_YES} {NO_YES} }}"),
    Row("Classify", "classes alone", spec(ODDITIES, signature="classify_labels") + ONE,
        "OK", spec(ODDITIES, 1, "classify_labels")
        + "result { classifications { classes { label: 'no' } classes { label: 'yes' } } }"),
    Row("Classify", "a context for all examples",
        spec(TWO, signature="classify_x_to_y")
        + f"input {{ example_list_with_context {{ examples {{}} context {example(x=2)} }} }}",
        "OK", spec(TWO, 123, "classify_x_to_y") + f"result {{ {THREES[1]} }}"),
    Row("Classify", "no model spec", ONE, "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("Classify", "unknown model", spec("nope") + ONE,
        "NOT_FOUND", "Servable not found for request: Latest(nope)"),
    Row("Classify", "unknown signature", spec(TWO, signature="nosig") + ONE,
        "INVALID_ARGUMENT", "No signature was found with the name: nosig"),
    Row("Classify", "no input", spec(TWO, signature="classify_x_to_y"), "INVALID_ARGUMENT", "Input is empty."),
    Row("Classify", "an empty list", spec(TWO, signature="classify_x_to_y") + examples(),
        "INVALID_ARGUMENT", "Input is empty."),
    Row("Classify", "an output of another shape", spec(ODDITIES, signature="classify_flat") + ONE,
        "INVALID_ARGUMENT", "Expected Tensor shape: [batch_size num_classes] but got [1]"),
    Row("Classify", "scores of another type", spec(ODDITIES, signature="classify_doubles") + ONE,
        "INVALID_ARGUMENT", "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
    Row("Classify", "classes of another type", spec(ODDITIES, signature="classify_numbers") + ONE,
        "INVALID_ARGUMENT", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
    Row("Classify", "two inputs", spec(ODDITIES, signature="classify_two_inputs") + ONE,
        "INVALID_ARGUMENT", "Expected one input Tensor."),
    Row("Classify", "three outputs", spec(ODDITIES, signature="classify_three") + ONE,
        "INVALID_ARGUMENT", "Expected one or two output Tensors, found 3"),
    Row("Regress", "the official request", spec(TWO, signature="regress_x_to_y") + ONE,
        "OK", spec(TWO, 123, "regress_x_to_y") + f"result {{ {THREES[0]} }}"),
    Row("Regress", "two examples", spec(TWO, signature="regress_x_to_y2") + examples(example(x=2), example(x=4)),
        "OK", spec(TWO, 123, "regress_x_to_y2") + "result { regressions { value: 4 } regressions { value: 5 } }"),
    Row("Regress", "no model spec", ONE, "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("Regress", "unknown signature", spec(TWO, signature="nosig") + ONE,
        "INVALID_ARGUMENT", "No signature was found with the name: nosig"),
    Row("Regress", "no input", spec(TWO, signature="regress_x_to_y"), "INVALID_ARGUMENT", "Input is empty."),
    Row("Regress", "several values an example", spec(ODDITIES, signature="regress_wide") + ONE,
        "INVALID_ARGUMENT", "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]"),
    Row("MultiInference", "the official request",
        task(TWO, "regress_x_to_y", REGRESS) + task(TWO, "classify_x_to_y", CLASSIFY) + ONE,
        "OK", f"results {{ {spec(TWO, 123, 'regress_x_to_y')} regression_result {{ {THREES[0]} }} }}"
        f"results {{ {spec(TWO, 123, 'classify_x_to_y')} classification_result {{ {THREES[1]} }} }}"),
    Row("MultiInference", "signatures of TensorFlow 2, each with an input of its own",
        task("examples", "regress", REGRESS) + task("examples", "classify", CLASSIFY) + ONE,
        "OK", f"results {{ {spec('examples', 1, 'regress')} regression_result {{ regressions {{ value: -2 }} }} }}"
        f"results {{ {spec('examples', 1, 'classify')} "
        "classification_result { classifications { classes { score: 2 } } } }"),
    Row("MultiInference", "no task", ONE, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    Row("MultiInference", "two models",
        task(TWO, "regress_x_to_y", REGRESS) + task(ODDITIES, "classify_both", CLASSIFY) + ONE,
        "INVALID_ARGUMENT", "All ModelSpecs in a MultiInferenceRequest must access the same model name."),
    Row("MultiInference", "a signature twice",
        task(TWO, "regress_x_to_y", REGRESS) + task(TWO, "regress_x_to_y", REGRESS) + ONE,
        "INVALID_ARGUMENT", "Duplicate evaluation of signature: regress_x_to_y"),
    Row("MultiInference", "unknown signature", task(TWO, "nosig", REGRESS) + ONE,
        "INVALID_ARGUMENT", "Requested signature not found in model graph: nosig"),
    Row("MultiInference", "another method", task(TWO, "serving_default", PREDICT) + ONE,
        "UNIMPLEMENTED", f"Unsupported signature method_name: {PREDICT}"),
]  # fmt: skip

MODELS = [
    Row("GetModelMetadata", "the signatures", spec(COUNTER) + "metadata_field: 'signature_def'",
        "OK", spec(COUNTER, 1) + "metadata { key: 'signature_def' value {"
        " [type.googleapis.com/tensorflow.serving.SignatureDefMap] {"
        + signature("get", "got:0") + signature("increment_by", "incremented:0", STEP)
        + signature("reset", "back:0") + "} } }"),
    Row("GetModelMetadata", "no model spec", "metadata_field: 'signature_def'",
        "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("GetModelMetadata", "no field", spec(TWO),
        "INVALID_ARGUMENT", "GetModelMetadataRequest must specify at least one metadata_field"),
    Row("GetModelMetadata", "another field", spec(TWO) + "metadata_field: 'foo'",
        "INVALID_ARGUMENT", "Metadata field foo is not supported"),
    Row("GetModelMetadata", "unknown model", spec("nope") + "metadata_field: 'signature_def'",
        "NOT_FOUND", "Servable not found for request: Latest(nope)"),
    Row("GetModelStatus", "one version", spec(TWO), "OK", available(123)),
    Row("GetModelStatus", "all versions, the newest first", spec(TOOLBOX), "OK", available(3, 1)),
    Row("GetModelStatus", "a version", spec(TOOLBOX, 1), "OK", available(1)),
    Row("GetModelStatus", "a label, which is not looked at", spec(TOOLBOX, label="stable"), "OK", available(3, 1)),
    Row("GetModelStatus", "not even whether there is one", spec(TOOLBOX, label="canary"), "OK", available(3, 1)),
    Row("GetModelStatus", "no model spec", "", "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("GetModelStatus", "unknown model", spec("nope"),
        "NOT_FOUND", "Could not find any versions of model nope"),
    Row("GetModelStatus", "unknown version", spec(TOOLBOX, 999),
        "NOT_FOUND", "Could not find version 999 of model toolbox"),
    Row("HandleReloadConfigRequest", "no list", "",
        "INVALID_ARGUMENT",
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported"),
    Row("HandleReloadConfigRequest", "a name twice", reload(*2 * [("a", "/a", "tensorflow")]),
        "INVALID_ARGUMENT", "Illegal to list model a multiple times in config list"),
    Row("HandleReloadConfigRequest", "another platform", reload(("a", "/a", "foo")),
        "INVALID_ARGUMENT", "Model a requests unsupported platform foo"),
]  # fmt: skip

ROWS = [*PREDICTS, *BAD_PREDICTS, *EXAMPLES, *MODELS]
