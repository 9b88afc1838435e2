"""Every replica of the model server, asked on its own and all side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from contract import wire_pb2 as wire
from contract.client import ModelSpec, ServingClient, VersionStatus
from contract.errors import ModelServerUnavailable, ServableNotFound, ServingError
from serving.addresses import resolve

_TIMEOUT_S = 3.0
# A new models.config is answered when the versions of models that are new to the server are loaded.
_RELOAD_TIMEOUT_S = 30.0
# More replicas than this wait for each other.
_AT_ONCE = 64

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class ReplicaStatus:
    """One replica's answer: the versions it knows, newest first, or the reason why it gave none."""

    replica: str
    versions: tuple[VersionStatus, ...] = ()
    away: str = ""

    def of(self, version: int) -> VersionStatus | None:
        """What it says of one version, None if it does not know it."""
        return next((status for status in self.versions if status.version == version), None)


class Replicas:
    """The replicas at the given addresses.

    A name stands for every address that it resolves to (a headless Service in a cluster), each a replica of its own.
    Names are resolved anew at every look, so replicas that come are met and those that go are forgotten.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        """`addresses` as in `serving.addresses.resolve`."""
        self.addresses = list(addresses)
        self._clients: dict[str, ServingClient] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="replica")

    def status(self, name: str) -> list[ReplicaStatus]:
        """Every replica's answer for a model, in the order of the addresses."""
        answers = self.ask(lambda client: client.status(ModelSpec(name)))
        return [_status(replica, answer) for replica, answer in answers.items()]

    def reload(self, config: wire.ModelServerConfig, only: str | None = None) -> Mapping[str, ServingError]:
        """Replaces the whole model list of every replica, or of one of them, for servers that do not poll a file.

        Returns:
            The error of each replica that did not take it.
        """

        def reload(client: ServingClient) -> None:
            if only in (None, client.target):
                client.reload(config, timeout_s=_RELOAD_TIMEOUT_S)

        answers = self.ask(reload)
        return {replica: answer for replica, answer in answers.items() if isinstance(answer, ServingError)}

    def ask(self, question: Callable[[ServingClient], _Answer]) -> dict[str, _Answer | ServingError]:
        """What every replica answers, or its error; of an address that cannot be resolved, that error.

        The order is that of the addresses. What else `question` raises is raised.
        """
        found = self._found()
        self._forget({replica for replicas in found.values() if isinstance(replicas, list) for replica in replicas})
        asked: dict[str, Future[_Answer | ServingError] | ServingError] = {}
        for address, replicas in found.items():
            if isinstance(replicas, ServingError):
                asked[address] = replicas
                continue
            for replica in replicas:
                asked[replica] = self._threads.submit(_answer, question, self._client(replica))
        return {replica: one if isinstance(one, ServingError) else one.result() for replica, one in asked.items()}

    def close(self) -> None:
        """Ends the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._forget(set())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _found(self) -> dict[str, list[str] | ServingError]:
        looking = {address: self._threads.submit(resolve, address) for address in self.addresses}
        return {address: _resolved(one) for address, one in looking.items()}

    def _client(self, replica: str) -> ServingClient:
        if replica not in self._clients:
            self._clients[replica] = ServingClient(replica, timeout_s=_TIMEOUT_S)
        return self._clients[replica]

    def _forget(self, all_but: set[str]) -> None:
        for replica in self._clients.keys() - all_but:
            self._clients.pop(replica).close()


def _resolved(looking: Future[list[str]]) -> list[str] | ServingError:
    try:
        return looking.result(timeout=_TIMEOUT_S)
    except StillRunning:
        return ModelServerUnavailable(f"the name was not resolved within {_TIMEOUT_S:g} s")
    except ServingError as error:
        return error


def _answer(question: Callable[[ServingClient], _Answer], client: ServingClient) -> _Answer | ServingError:
    try:
        return question(client)
    except ServingError as error:
        return error


def _status(replica: str, answer: list[VersionStatus] | ServingError) -> ReplicaStatus:
    match answer:
        case ServableNotFound():
            return ReplicaStatus(replica)
        case ServingError():
            return ReplicaStatus(replica, away=str(answer).splitlines()[0])
        case _:
            return ReplicaStatus(replica, tuple(answer))
