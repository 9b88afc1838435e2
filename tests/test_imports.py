"""Who may import whom, held by a walk over the syntax of every module and by a look at what a process has loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("contract", "training", "serving", "gateway")
TENSORFLOW = {"tensorflow", "tensorflow_serving", "keras"}
CONTRACT_MAY_IMPORT = {"contract", "numpy", "PIL", "grpc", "google"} | set(sys.stdlib_module_names)
MODEL_SERVER = "serving.model_server"
# The parts of the model server that work without a socket, and what each of them may import of its others.
CORE = {
    "versions": {"versions", "errors", "text_proto", "cpus"},
    "inference": {"inference", "errors", "tf"},
    "batching": {"batching", "inference", "metrics", "errors", "text_proto", "cpus"},
}
# The parts of the gateway that know neither HTTP nor Flask; they may import each other, and what tells of errors.
GATEWAY_CORE = ("classify", "versions", "upstream", "admission", "observe", "shadow", "settings")
GATEWAY_CORE_MAY_IMPORT = {f"gateway.{part}" for part in (*GATEWAY_CORE, "errors")}
SERVERS = {"flask", "werkzeug", "a2wsgi", "uvicorn", "uvicorn_worker", "gunicorn", "httptools", "multipart"}


def modules() -> list[Path]:
    """Every Python file of the packages, relative to the root."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, wherever in the file, relative ones resolved."""
    package = path.with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def breaches(path: Path, names: set[str]) -> list[str]:
    """What the import rule forbids a file, as sentences."""
    package, tops = path.parts[0], {name.split(".")[0] for name in names}
    on_tensorflow = package == "training" or path.is_relative_to("serving/model_server")
    trains_on_any_backend = package == "training" and not path.is_relative_to("training/export")
    found = []
    if package == "contract":
        found += [f"contract imports {top}" for top in tops - CONTRACT_MAY_IMPORT]
    found += [f"{package} imports {top}" for top in tops & (set(PACKAGES) - {package, "contract"})]
    if not on_tensorflow:
        found += [f"{path} imports {top}" for top in tops & TENSORFLOW]
        inside = {name for name in names if name == MODEL_SERVER or name.startswith(f"{MODEL_SERVER}.")}
        found += [f"{path} imports {name}, and with it TensorFlow" for name in inside]
    if trains_on_any_backend:
        found += [f"{path} imports {top}" for top in tops & (TENSORFLOW - {"keras"})]
    if package == "gateway" and path.parts[1] in GATEWAY_CORE:
        found += [f"{path} imports {top}, which knows HTTP" for top in tops & SERVERS]
        above = {name for name in names if name.split(".")[0] == "gateway"} - {"gateway"}
        above = {name for name in above if ".".join(name.split(".")[:2]) not in GATEWAY_CORE_MAY_IMPORT}
        found += [f"{path} imports {name}, which is not below it" for name in above]
    if path.is_relative_to("gateway/api"):
        found += [f"{path} imports {name}" for name in names if name.startswith(("gateway.web", "flask"))]
    if package != "gateway" and not on_tensorflow:
        # The automatic rollout reads the gateways' metrics, with the parser of those who write them.
        forbidden = {"flask", "gunicorn"} | (
            set() if path.is_relative_to("serving/automatic") else {"prometheus_client"}
        )
        found += [f"{path} imports {top}" for top in tops & forbidden]
    found += [f"{path} imports {name}, an edge" for name in names if name.endswith(".__main__")]
    found += [f"{path} imports {name}, which is not below it" for name in names if not _below(path, name)]
    found += [f"{path} imports {top}" for top in tops & {"tests"}]
    return found


def _below(path: Path, name: str) -> bool:
    """False where a part of the model server's core imports what stands above it."""
    part = path.parts[2] if path.is_relative_to("serving/model_server") else ""
    if part not in CORE or not name.startswith(f"{MODEL_SERVER}."):
        return True
    return name.split(".")[2] in CORE[part]


def test_the_walk_sees_every_package() -> None:
    assert {path.parts[0] for path in modules()} == set(PACKAGES)


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_imports_only_what_the_import_rule_allows(path: Path) -> None:
    assert breaches(path, set(imports(path))) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("contract/images.py", "tensorflow"),
        ("contract/images.py", "flask"),
        ("contract/card.py", "serving.rolling"),
        ("gateway/app.py", "serving.rolling"),
        ("gateway/app.py", "tensorflow_serving.apis"),
        ("gateway/classify/pipeline.py", "gateway.api.options"),
        ("gateway/observe/recorder.py", "gateway.asgi"),
        ("gateway/admission/door.py", "werkzeug.http"),
        ("gateway/api/endpoint.py", "gateway.web.hooks"),
        ("training/train.py", "gateway"),
        ("training/train.py", "tensorflow"),
        ("serving/publish.py", "keras"),
        ("serving/publish.py", "serving.model_server.server"),
        ("serving/model_server/server.py", "training.export"),
        ("serving/publish.py", "tests.conftest"),
        ("serving/publish.py", "serving.__main__"),
        ("serving/model_server/versions/core.py", "serving.model_server.inference.servable"),
        ("serving/model_server/inference/predict.py", "serving.model_server.rest"),
    ],
)
def test_the_rule_finds_a_breach(file: str, name: str) -> None:
    assert breaches(Path(file), {name})


def loaded_after(statement: str) -> set[str]:
    """The top-level modules that a fresh process holds after a statement."""
    code = f"{statement}\nimport sys\nprint('loaded:', *{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "statement",
    [
        "import contract.client, contract.images, contract.release, contract.versions",
        "import serving.__main__",
        "import gateway.web.app",
    ],
)
def test_a_process_without_tensorflow_stays_without_it(statement: str) -> None:
    loaded = loaded_after(statement)

    assert "grpc" in loaded
    assert not loaded & (TENSORFLOW | {"sklearn", "matplotlib"})
    assert ("flask" in loaded) == ("gateway" in statement)
