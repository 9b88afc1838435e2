"""The models that every contender serves: written once, in a process of its own, as it needs TensorFlow.

python -m tests.benchmarks.gateway.repository FOLDER NETWORK... [--with-keras]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests.benchmarks.networks import MOBILENET_V2, MOBILENET_V2_035, SMALL_CNN, Network, write_repository
from tests.conftest import ROOT

_NETWORKS = {network.name: network for network in (SMALL_CNN, MOBILENET_V2, MOBILENET_V2_035)}


def write(folder: Path, networks: Collection[Network], *, with_keras: bool) -> Path:
    """Writes what is not there yet. Gives the ``models.config`` with these networks.

    Args:
        folder: The repository.
        networks: Which.
        with_keras: Also each network's `keras_file`.
    """
    options = ["--with-keras"] if with_keras else []
    names = [network.name for network in networks]
    command = [sys.executable, "-m", "tests.benchmarks.gateway.repository", str(folder), *names, *options]
    # The bench itself stays free of TensorFlow: its pages, shared, would make the servers' look smaller.
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder / "models.config"


def keras_file(folder: Path, network: Network) -> Path:
    """The same network as Keras saves it, beside its versions, where no server looks for one."""
    return folder / network.name / "model.keras"


def main() -> None:
    """Writes each network as a version, and as Keras's own file if that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="+", choices=_NETWORKS)
    parser.add_argument("--with-keras", action="store_true")
    arguments = parser.parse_args()
    networks = [_NETWORKS[name] for name in arguments.networks]
    write_repository(arguments.folder, networks)
    for network in networks:
        if arguments.with_keras and not keras_file(arguments.folder, network).exists():
            network.build().save(keras_file(arguments.folder, network))


if __name__ == "__main__":
    main()
