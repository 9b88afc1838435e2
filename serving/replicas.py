"""What every replica of the model server says of a model's versions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from contract.client import ModelSpec, ServingClient, VersionStatus
from contract.errors import ServableNotFound, ServingError

_TIMEOUT_S = 3.0


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
    """The replicas at the given addresses, each asked on its own connection."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """`addresses` as in `contract.channel.open_channel`; each must stand for one replica."""
        self._stack = ExitStack()
        self._clients = [self._stack.enter_context(ServingClient(one, timeout_s=_TIMEOUT_S)) for one in addresses]

    @property
    def addresses(self) -> list[str]:
        """As given."""
        return [client.target for client in self._clients]

    def status(self, name: str) -> list[ReplicaStatus]:
        """Every replica's answer for a model, in the order of the addresses."""
        return [_status(client, name) for client in self._clients]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _status(client: ServingClient, name: str) -> ReplicaStatus:
    try:
        return ReplicaStatus(client.target, tuple(client.status(ModelSpec(name))))
    except ServableNotFound:
        return ReplicaStatus(client.target)
    except ServingError as error:
        return ReplicaStatus(client.target, away=str(error).splitlines()[0])
