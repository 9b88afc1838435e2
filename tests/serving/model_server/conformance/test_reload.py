"""A reload, step by step: each a request, and TensorFlow Serving's answer once it has settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf import text_format

from tests.serving.model_server.conformance import repository
from tests.serving.model_server.conformance.conftest import Server
from tests.serving.model_server.conformance.grpc_table import spec, x, y
from tests.serving.model_server.conformance.test_grpc import METHODS, call
from tests.serving.model_server.conftest import eventually

Reload = Callable[[str], tuple[str, Any]]
AVAILABLE = "state: AVAILABLE status {}"


@pytest.fixture
def reload(served: Server) -> Iterator[Reload]:
    """Puts a model list, written as text-proto, in the place of the table's; that one is put back at the end."""

    def replace(config: str) -> tuple[str, Any]:
        return call(served, "HandleReloadConfigRequest", f"config {{ {config} }}")

    yield replace
    assert replace(repository.config(served.models))[0] == "OK"
    eventually(lambda: call(served, "Predict", spec("toolbox", 1) + x(1))[0] == "OK")


def entry(served: Server, name: str, more: str = "") -> str:
    return f"config {{ name: '{name}' base_path: '{served.models / name}' model_platform: 'tensorflow' {more} }}"


def status(served: Server, name: str) -> str:
    code, answer = call(served, "GetModelStatus", spec(name))
    assert code == "OK", answer
    return text_format.MessageToString(answer, as_one_line=True)


def versions(*each: str) -> str:
    expected = text_format.Parse(
        " ".join(f"model_version_status {{ {one} }}" for one in each), METHODS["GetModelStatus"][2]()
    )
    return text_format.MessageToString(expected, as_one_line=True)


def test_reload_serves_what_is_in_the_list_and_nothing_else(served: Server, reload: Reload) -> None:
    code, answer = reload(f"model_config_list {{ {entry(served, 'later')} }}")
    assert (code, text_format.MessageToString(answer)) == ("OK", "status {\n}\n")
    code, answer = call(served, "Predict", spec("later") + x(1))
    expected = text_format.Parse(spec("later", 1, "serving_default") + y(4.5), METHODS["Predict"][2]())
    assert (code, answer) == ("OK", expected)
    eventually(lambda: status(served, "half_plus_two") == versions("version: 123 state: END status {}"))
    refused = call(served, "Predict", spec("half_plus_two") + x(1))
    assert refused == ("NOT_FOUND", "Servable not found for request: Latest(half_plus_two)")


def test_reload_moves_a_label_only_to_a_version_that_serves(served: Server, reload: Reload) -> None:
    every = "model_version_policy { all {} }"
    label = "version_labels { key: 'stable' value: %d }"
    refused = reload(f"model_config_list {{ {entry(served, 'toolbox', every + label % 9)} }}")
    text = "Request to assign label to version 9 of model toolbox, which is not currently available for inference"
    assert refused == ("FAILED_PRECONDITION", text)
    # What was refused has changed nothing.
    assert call(served, "Predict", spec("half_plus_three") + x(1))[0] == "OK"
    assert reload(f"model_config_list {{ {entry(served, 'toolbox', every + label % 3)} }}")[0] == "OK"
    answer = call(served, "Predict", spec("toolbox", label="stable") + x(1))[1]
    assert answer.model_spec.version.value == 3


def test_reload_narrows_the_versions_to_those_that_the_policy_names(served: Server, reload: Reload) -> None:
    specific = "model_version_policy { specific { versions: 1 } }"
    assert reload(f"model_config_list {{ {entry(served, 'toolbox', specific)} }}")[0] == "OK"
    ended = versions("version: 3 state: END status {}", f"version: 1 {AVAILABLE}")
    eventually(lambda: status(served, "toolbox") == ended)
    assert call(served, "Predict", spec("toolbox") + x(1))[1].model_spec.version.value == 1
