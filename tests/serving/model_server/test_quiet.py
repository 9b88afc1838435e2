"""A server process loads the parts of TensorFlow that it needs, loses no operation by that, and keeps quiet."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

from tests.conftest import ROOT

PACKAGE = ROOT / "serving" / "model_server"
# TensorFlow Lite's, which a Python module of its own brings and the official server does not have.
NOT_SERVED = {"AudioMicrofrontend"}

LEAN = """
import json, sys
from serving.model_server import quiet
quiet.import_tensorflow()
assert "serving.model_server.tf" in sys.modules
import serving.model_server.server
from tensorflow.core.protobuf import config_pb2
from tests.serving.model_server.test_quiet import operations, threads
before = threads()
for intra, inter in ((3, 5), (7, 9)):
    quiet.start_runtime(config_pb2.ConfigProto(intra_op_parallelism_threads=intra, inter_op_parallelism_threads=inter))
print(json.dumps({
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
    "operations": operations(),
    "threads": threads() - before,
}))
"""


WHOLE = """
import json, tensorflow
from tests.serving.model_server.test_quiet import operations
print(json.dumps(operations()))
"""


def operations() -> list[str]:
    """The names of all operations that the process can run."""
    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return sorted(op.name for op in listed.op)


def threads() -> int:
    """How many the process has, TensorFlow's own among them."""
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.fixture(scope="module")
def lean() -> dict[str, Any]:
    """What a process says that has loaded the parts of TensorFlow and opened the first session."""
    done = run(LEAN)
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: this one may have loaded more of TensorFlow for other tests."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )


def test_good_the_parts_know_every_operation_of_the_whole_without_keras_and_without_a_word(lean: Any) -> None:
    assert not {"keras", "scipy", "sklearn", "matplotlib", "jax", "h5py", "flask"} & set(lean["modules"])
    assert set(lean["operations"]) == set(json.loads(run(WHOLE).stdout)) - NOT_SERVED


def test_good_the_first_session_brings_as_many_threads_as_its_configuration_says(lean: Any) -> None:
    """What later sessions ask for is too late; one thread belongs to the runtime itself."""
    assert lean["threads"] == 3 + 5 + 1


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_needs_the_front_page_of_tensorflow(path: Path) -> None:
    """``import tensorflow as tf`` would meet an empty package in a server process."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    inside = ("tensorflow.core.", "tensorflow.python.", "tensorflow.lite.python.")
    assert {name for name in names if name.split(".")[0] == "tensorflow" and not name.startswith(inside)} == set()
