"""The manifests of k8s/, rendered by kustomize, for the tests."""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT, skip_unless_ci

K8S = ROOT / "k8s"
OVERLAYS = ("dev", "production", "gpu", "digitalocean")
# What an overlay may be put together with; the latter are other places for models and release, one at a time.
_ADDED = ("ingress", "monitoring", "api-keys")
_PLACES = ("object-store", "model-image", "release-configmap")

Manifest = dict[str, Any]
# The same loader in C, where PyYAML was built with it: dashboards are long.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Variant:
    """An overlay with components on top, as a user's own kustomization.yaml would have them."""

    overlay: str
    components: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join((self.overlay, *self.components))


VARIANTS = [
    *(Variant(overlay) for overlay in OVERLAYS),
    *(Variant(overlay, _ADDED) for overlay in OVERLAYS),
    *(Variant("production", (component,)) for component in _ADDED),
    *(Variant("production", (place,)) for place in _PLACES),
    *(Variant(overlay, (place, *_ADDED)) for overlay in ("dev", "gpu") for place in _PLACES),
]


@dataclass(frozen=True)
class Pods:
    """A workload's pod template: whose, its labels and its spec."""

    kind: str
    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those of the start included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> dict[str, Any]:
        """The container that is called like the workload, else the only one."""
        named = [one for one in self.spec["containers"] if one["name"] == self.name]
        (container,) = named or self.spec["containers"]
        return dict(container)


def program(name: str) -> str:
    """A program of this virtualenv, else of the machine."""
    path = Path(sys.executable).parent / name
    found = str(path) if path.is_file() else shutil.which(name)
    return found or skip_unless_ci(f"needs the program {name}: it comes with the development packages")


def module(name: str) -> Any:
    """An imported module."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        skip_unless_ci(f"needs the package {name}: it comes with the development packages")


@functools.cache
def rendered(variant: Variant) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` would send. Not to be changed: it is shared."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(K8S / "overlays" / variant.overlay, folder)],
            "components": [os.path.relpath(K8S / "components" / name, folder) for name in variant.components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        command = [program("kubectl"), "kustomize", str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, f"{variant}: {result.stderr}"
    assert "deprecated" not in result.stderr, result.stderr
    return tuple(yaml.load_all(result.stdout, Loader=_Loader))


def of_kind(variant: Variant, kind: str) -> dict[str, Manifest]:
    """The manifests of one kind by name."""
    return {one["metadata"]["name"]: one for one in rendered(variant) if one["kind"] == kind}


def pods(variant: Variant) -> Iterator[Pods]:
    """Every pod template of a variant."""
    for manifest in rendered(variant):
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            name = manifest["metadata"]["name"]
            yield Pods(manifest["kind"], name, template["metadata"]["labels"], template["spec"])


def workload(variant: Variant, name: str) -> Pods:
    """The pods of one workload."""
    (found,) = (one for one in pods(variant) if one.name == name)
    return found
