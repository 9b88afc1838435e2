"""A tuning from end to end: what is known already, the search, the files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from contract.card import CardError
from contract.client import ModelSpec
from contract.release import ModelRelease, Release
from contract.versions import write_atomically
from serving import models_config
from serving.pictures import SAMPLES, pictures
from serving.saved_model import GRAPHS
from serving.stores.store import VersionStore
from serving.tables import Say
from serving.tuning import files, machine, requests
from serving.tuning.bench import Workbench
from serving.tuning.choice import Limit
from serving.tuning.journal import Journal, JournalError
from serving.tuning.outcome import Outcome, outcome
from serving.tuning.page import page
from serving.tuning.processes import environment
from serving.tuning.requests import Mix
from serving.tuning.search import Bench, Bounds, Search, has_final
from serving.tuning.servers import Command

JOURNAL = "measurements.json"
BATCHING = "batching.config"
FLAGS = "flags.txt"
REPORT = "report.html"
_VERSION_S = 60.0
# The share of the CPUs that others may use before it is worth a word.
_BUSY = 0.25


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        name: The model.
        version: Its version.
        base_path: Where model servers find the repository.
        server: The command of a model server.
        folder: Where the findings are written.
        clients: How many send at the same time.
        mix: What they send.
        least_size: Pictures in the largest call of a gateway: no request may have more than ``max_batch_size``.
        budget_s: How long the measurements may take.
        start_s: How long a server may take to answer.
        together: Servers that may run at the same time; None: as many as there is memory for.
        limit: Which candidates may be chosen.
    """

    name: str
    version: int
    base_path: str
    server: Sequence[str]
    folder: Path
    clients: int
    mix: Mix
    least_size: int
    budget_s: float
    start_s: float
    together: int | None
    limit: Limit


class Tuning:
    """One order and what is known of it."""

    def __init__(self, order: Order, store: VersionStore, say: Say, *, again: bool = False) -> None:
        """Reads what an earlier tuning of the same has measured, unless it is to be measured `again`."""
        self.order = order
        self._store = store
        self._say = say
        self.journal = self._known(_subject(order, store), again=again)

    def run(self) -> Outcome:
        """Measures what is missing, writes the files, and tells what was found; also if it is interrupted.

        Raises:
            TuningFailed: The baseline cannot be measured.
            CardError: The version has no card, so nobody knows what pictures it takes.
        """
        self.order.folder.mkdir(parents=True, exist_ok=True)
        try:
            if not self.journal.finished or not has_final(self.journal, self.order.limit):
                self._measure()
        finally:
            if self.journal.rounds:
                self._write()
        return outcome(self.journal, self.order.limit)

    def _measure(self) -> None:
        order = self.order
        images = _images(self._store, order)
        load = machine.load()
        if load > _BUSY * machine.usable_cpus():
            self.journal.note(
                f"The machine was busy with something else (a load of {load:.1f} on {machine.usable_cpus()} CPUs): "
                "intervals are wide, and a small gain cannot be told from noise."
            )
        with tempfile.TemporaryDirectory(prefix=".servers-", dir=order.folder) as temporary:
            folder = Path(temporary).resolve()
            told = requests.write(folder, ModelSpec(order.name, order.version), images, order.mix)
            command = Command(order.server, _models_config(folder, order), folder, order.start_s)
            with Workbench(command, told, order.clients, self.journal.note, order.together) as workbench:
                bench = Bench(workbench.measure, workbench.running, workbench.start_s, workbench.together)
                Search(bench, self.journal, self._bounds(), self._say, self._save).run()

    def _bounds(self) -> Bounds:
        order = self.order
        most_rows = order.clients * order.mix.most
        return Bounds(order.budget_s, order.limit, machine.usable_cpus(), order.least_size, most_rows)

    def _save(self) -> None:
        self.journal.write(self.order.folder / JOURNAL)

    def _write(self) -> None:
        """All files, from the measurements as they are now."""
        folder, found = self.order.folder, outcome(self.journal, self.order.limit)
        batching, flags = files.batching_config(found, self.journal), files.flags(found, self.journal)
        self.journal.write(folder / JOURNAL)
        if batching is None:
            (folder / BATCHING).unlink(missing_ok=True)
        else:
            write_atomically(folder / BATCHING, batching)
        write_atomically(folder / FLAGS, flags)
        write_atomically(folder / REPORT, page(found, self.journal, batching, flags))

    def _known(self, subject: Mapping[str, Any], *, again: bool) -> Journal:
        path = self.order.folder / JOURNAL
        fresh = Journal(subject, datetime.now(UTC).isoformat(timespec="seconds"))
        if again or not path.exists():
            return fresh
        try:
            known = Journal.read(path)
        except JournalError as error:
            self._say(f"Earlier measurements are not used: {error}")
            return fresh
        differences = known.differs(subject)
        if differences:
            self._say(f"Earlier measurements are not used, for they are of something else: {'; '.join(differences)}")
            return fresh
        if not known.finished:
            known.notes.clear()  # What there was no time for, there may be now.
        state = "all" if known.finished else f"{len(known.rounds)} rounds"
        self._say(f"Measured on {known.begun}, {state}: these figures are used (--again measures anew).")
        return known


def _subject(order: Order, store: VersionStore) -> Mapping[str, Any]:
    graph = next(file for file in store.files(order.name, order.version) if file in map(str, GRAPHS))
    return {
        "model": order.name,
        "version": order.version,
        "graph": sha256(store.read(order.name, order.version, graph)).hexdigest()[:16],
        "server": " ".join("python" if word == sys.executable else word for word in order.server),
        "server_version": _server_version(order.server),
        "clients": order.clients,
        "pictures": str(order.mix),
        "pictures_from": "the version's samples" if _has_samples(store, order) else "noise",
        "least_batch_size": order.least_size,
        **machine.describe(),
    }


def _server_version(server: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603  # the operator's own command, as words
        [*server, "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_VERSION_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return " ".join(done.stdout.split())


def _images(store: VersionStore, order: Order) -> Any:
    card = store.card(order.name, order.version)
    if card is None:
        raise CardError(
            f"Expected a card, which tells what pictures {order.name} {order.version} takes. Received: none"
        )
    return pictures(store, order.name, order.version, card)


def _has_samples(store: VersionStore, order: Order) -> bool:
    return any(file.startswith(SAMPLES) for file in store.files(order.name, order.version))


def _models_config(folder: Path, order: Order) -> Path:
    release = Release({order.name: ModelRelease(versions=(order.version,))})
    path = folder / "models.config"
    path.write_text(text_format.MessageToString(models_config.to_proto(release, order.base_path)))
    return path
