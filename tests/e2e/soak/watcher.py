"""The state on disk: whether it is valid at every moment, and what it said when."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from contract.release import CANARY, FILE_NAME, STABLE, ModelRelease, Release, ReleaseError
from contract.versions import version_numbers
from contract.wire_pb2 import ModelServerConfig
from serving import models_config
from tests.e2e.soak.system import MODEL

_PAUSE_S = 0.002
# Between the two writes of one change lie two synchronisations of the disk.
_CATCH_UP_S = 5.0


@dataclass(frozen=True)
class Moment:
    """A state, and when it was first seen, by `time.monotonic`."""

    at: float
    model: ModelRelease

    @property
    def stable(self) -> int | None:
        """The version labelled so."""
        return self.model.labels.get(STABLE)

    @property
    def canary(self) -> int | None:
        """The version labelled so, if it has traffic."""
        return self.model.labels.get(CANARY) if self.model.canary_percent else None

    @property
    def split(self) -> tuple[int | None, int | None, float, str]:
        """What decides who gets which version."""
        return self.stable, self.canary, self.model.canary_percent, self.model.split


class Watcher:
    """Reads both files over and over, in a thread, until the block ends."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._behind_since: float | None = None
        self.moments: list[Moment] = []
        self.problems: list[str] = []
        self.looks = 0

    def tell(self, problem: str) -> None:
        """Keeps a problem, with the time of day."""
        self.problems.append(f"{time.strftime('%H:%M:%S')} {problem}")

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except (ReleaseError, OSError, ValueError, text_format.ParseError) as error:
                self.tell(f"{type(error).__name__}: {error}")
            self.looks += 1
            self._stop.wait(_PAUSE_S)

    def _look(self) -> None:
        before = (self._repository / FILE_NAME).read_bytes()
        text = (self._repository / models_config.FILE_NAME).read_text(encoding="utf-8")
        after = (self._repository / FILE_NAME).read_bytes()
        release = Release.from_json(after)
        model = release.models[MODEL]
        if not self.moments or self.moments[-1].model != model:
            self.moments.append(Moment(time.monotonic(), model))
        on_disk = set(version_numbers(self._repository / MODEL))
        if not set(model.versions) <= on_disk:
            self.tell(f"released but not on disk: {set(model.versions) - on_disk}")
        config = text_format.Parse(text, ModelServerConfig()).model_config_list.config[0]
        pinned = set(config.model_version_policy.specific.versions)
        if not set(config.version_labels.values()) <= pinned:
            self.tell(f"models.config has labels without versions:\n{text}")
        if before == after:
            self._compare(text, models_config.render(release, str(self._repository)))

    def _compare(self, text: str, wanted: str) -> None:
        if text == wanted:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = time.monotonic()
        elif time.monotonic() > self._behind_since + _CATCH_UP_S:
            self.tell(f"models.config is not what release.json says:\n{text}\nwanted:\n{wanted}")
            self._behind_since = None

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
