"""Several model servers on one repository and a gateway before them, as processes on ports that stay."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract.client import ModelSpec, ServingClient
from contract.errors import ServingError
from contract.release import Release
from tests.conftest import pick_port
from tests.e2e.stack import ONE_THREAD
from tests.processes import Process, wait_until

MODEL = "digits"
# Becomes another program, which is then ended like any process of ours.
_BECOME = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


@dataclass
class Replica:
    """A model server that may be killed and started again.

    Attributes:
        address: Of its gRPC port.
        process: As it runs or ran.
        up: False from the moment it is killed until it serves again whatever is released.
    """

    address: str
    process: Process
    up: bool = True
    client: ServingClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = ServingClient(self.address, timeout_s=2)

    def stop(self, number: signal.Signals) -> None:
        """Tells it to end, or ends it, and waits until it has."""
        self.up = False
        self.process.signal(number)
        self.process.wait(30)

    def serves(self, repository: Path) -> bool:
        """Whether everything that is released is loaded."""
        release = Release.read(repository).models.get(MODEL)
        if release is None:
            return False
        try:
            loaded = {one.version for one in self.client.status(ModelSpec(MODEL)) if one.available}
        except ServingError:
            return False
        return set(release.versions) <= loaded


@dataclass
class System:
    """All that runs.

    Attributes:
        folder: For logs.
        repository: The model repository.
        replicas: The model servers.
        gateway: The gateway.
        url: Where it listens.
        reload: True if the model servers poll no configuration and commands have to send it.
    """

    folder: Path
    repository: Path
    replicas: list[Replica]
    gateway: Process
    url: str
    reload: bool

    @property
    def target(self) -> str:
        """All replicas as one gRPC target."""
        return "ipv4:" + ",".join(one.address for one in self.replicas)

    @property
    def replica_words(self) -> list[str]:
        """The options of a command that name the replicas."""
        words = ["--replica", *(one.address for one in self.replicas)]
        return [*words, "--reload"] if self.reload else words

    def bring_back(self, replica: Replica, stop: threading.Event | None = None) -> None:
        """Starts a replica that was stopped and waits until it serves again."""
        replica.process.restart()
        self.wait_serving(replica, stop)

    def wait_serving(self, replica: Replica, stop: threading.Event | None = None) -> None:
        """Returns when a replica serves all that is released, or when it is no longer wanted."""

        def done() -> bool:
            return replica.serves(self.repository) or (stop is not None and stop.is_set())

        wait_until(done, timeout_s=120, what=f"{replica.address}\n{replica.process.output[-2000:]}")
        replica.up = True


def server_flags(repository: Path, *, reload: bool) -> list[str]:
    """The flags of a model server that follows the repository's models.config."""
    flags = [f"--model_config_file={repository / 'models.config'}", "--max_num_load_retries=0", *ONE_THREAD]
    return [
        *flags,
        "--allow_version_labels_for_unavailable_models=true",
        # By default four for each processor, which few clients at once exhaust.
        "--grpc_max_threads=64",
        *([] if reload else ["--model_config_file_poll_wait_seconds=1"]),
    ]


@contextmanager
def running(
    folder: Path,
    repository: Path,
    *,
    replicas: int,
    reload: bool,
    server: str = "",
    settings: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """The system on a repository in which something is released, ready; ended with the block.

    Args:
        folder: For logs.
        repository: The model repository.
        replicas: How many model servers.
        reload: True for model servers that poll no configuration.
        server: The program of TensorFlow Serving, such as ``tensorflow_model_server``; the embedded one if empty.
        settings: Of the gateway, besides.
    """
    program = ["-c", _BECOME, server] if server else ["-m", "serving.model_server"]
    with ExitStack() as stack:
        servers = []
        for number in range(replicas):
            port = pick_port()
            words = [*program, f"--port={port}", f"--rest_api_port={pick_port()}"]
            flags = server_flags(repository, reload=reload)
            process = stack.enter_context(Process([*words, *flags], folder / f"model_server-{number}.log"))
            servers.append(Replica(f"127.0.0.1:{port}", process))
            stack.callback(servers[-1].client.close)
        url_port = pick_port()
        environment = {
            "VITRINE_SERVING": "ipv4:" + ",".join(one.address for one in servers),
            "MODEL_REPOSITORY": str(repository),
            "VITRINE_PORT": str(url_port),
            "VITRINE_WORKERS": "2",
            # So that one process can be many clients.
            "VITRINE_TRUSTED_PROXIES": "127.0.0.1",
            **(settings or {}),
        }
        gateway = stack.enter_context(Process(["-m", "gateway"], folder / "gateway.log", environment))
        system = System(folder, repository, servers, gateway, f"http://127.0.0.1:{url_port}", reload)
        for one in servers:
            system.wait_serving(one)
        gateway.wait_ready(f"{system.url}/readyz")
        yield system
