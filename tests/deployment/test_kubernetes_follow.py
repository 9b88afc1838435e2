"""k8s/components/release-configmap/follow.sh, with kubectl itself, and a stand-in for what needs a cluster."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.kubernetes import K8S, Variant, of_kind, pods, program
from tests.processes import wait_until

SCRIPT = K8S / "components" / "release-configmap" / "follow.sh"

# The cluster: `exec` reads the operator's repository, `apply` takes a manifest, `annotate` notes whom it was told of.
CLUSTER = """#!/usr/bin/env bash
shift 2  # -n NAMESPACE
case $1 in
exec) [ -e "$CLUSTER/away" ] && exit 1; exec cat "$CLUSTER/${@: -1}" ;;
create) exec "$KUBECTL" "$@" ;;
apply) cat >"$CLUSTER/applying" && mv "$CLUSTER/applying" "$CLUSTER/applied.$(date +%s%N).yaml" ;;
annotate) echo "$@" >>"$CLUSTER/annotated" ;;
*) exit 64 ;;
esac
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder that stands for a cluster with an operator."""
    folder = tmp_path / "cluster"
    (folder / "models").mkdir(parents=True)
    write(folder, 1)
    stand_in = tmp_path / "bin" / "kubectl"
    stand_in.parent.mkdir()
    stand_in.write_text(CLUSTER)
    stand_in.chmod(0o755)
    return folder


def write(cluster: Path, version: int) -> None:
    """A release state of the operator's."""
    (cluster / "models" / "release.json").write_text(f'{{"stable": {version}}}\n')
    (cluster / "models" / "models.config").write_text(f"versions: {version}\n")


def environment(cluster: Path) -> dict[str, str]:
    path = f"{cluster.parent / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "CLUSTER": str(cluster), "KUBECTL": program("kubectl"), "HOME": str(cluster)}


def applied(cluster: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text()) for path in sorted(cluster.glob("applied.*.yaml"))]


def test_once_it_writes_the_config_map_that_pods_mount(cluster: Path) -> None:
    subprocess.run([SCRIPT, "--once"], env=environment(cluster), check=True, timeout=60)
    (config_map,) = applied(cluster)
    (volume,) = (
        volume
        for pod in pods(Variant("production", ("release-configmap",)))
        for volume in pod.spec["volumes"]
        if volume["name"] == "release" and pod.name == "serving"
    )
    assert (config_map["kind"], config_map["metadata"]["name"]) == ("ConfigMap", volume["configMap"]["name"])
    assert config_map["data"] == {"release.json": '{"stable": 1}\n', "models.config": "versions: 1\n"}
    (line,) = (cluster / "annotated").read_text().splitlines()
    for name in ("serving", "gateway"):
        assert name in of_kind(Variant("production"), "Deployment")
        assert name in line


def test_it_carries_over_every_change_and_nothing_twice(cluster: Path) -> None:
    with subprocess.Popen([SCRIPT], env=environment(cluster)) as process:
        try:
            for version in (1, 2, 3):
                write(cluster, version)
                last = f"versions: {version}\n"
                wait_until(lambda: any(one["data"]["models.config"] == last for one in applied(cluster)))  # noqa: B023
        finally:
            process.terminate()
    assert len(applied(cluster)) == len({str(one["data"]) for one in applied(cluster)})


def test_an_operator_that_is_away_ends_it_and_writes_nothing(cluster: Path) -> None:
    (cluster / "away").touch()
    result = subprocess.run([SCRIPT, "--once"], env=environment(cluster), check=False, timeout=60)
    assert result.returncode != 0
    assert not applied(cluster)
