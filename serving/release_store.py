"""Writes the release state: ``release.json``, the truth, then ``models.config``, which is rendered from it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from contract import release as release_file
from contract import versions
from contract import wire_pb2 as wire
from contract.release import ModelRelease, Release
from contract.versions import PublishError, check_name
from serving import models_config
from serving.models_config import BasePathError


def now() -> str:
    """The time as the release state has it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class RolloutBusy(Exception):
    """Another operator is rolling out a version of the same model."""


class ReleaseStore:
    """The release state of a model repository, changed one model at a time."""

    def __init__(self, root: Path, base_path: str) -> None:
        """`base_path` is where the model servers find the repository, as in `models_config.render`."""
        self.root = root
        self._base_path = base_path

    def read(self) -> Release:
        """The state. Raises ReleaseError if it cannot be understood."""
        return Release.read(self.root)

    def model(self, name: str) -> ModelRelease:
        """The state of one model, empty if it was never released."""
        return self.read().models.get(name, ModelRelease())

    def released(self, name: str) -> ModelRelease:
        """The same of a model that has to be there. Raises PublishError if it was never released."""
        models = self.read().models
        if check_name(name) not in models:
            known = ", ".join(sorted(models)) or "none"
            raise PublishError(f"Expected a model that was released in {self.root}: {known}. Received: {name}")
        return models[name]

    def check_base_path(self) -> None:
        """Raises BasePathError if model servers are now told to find the repository elsewhere."""
        try:
            told = models_config.base_path_of((self.root / models_config.FILE_NAME).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return  # there is none, or it is damaged, and will be rendered anew
        if told is not None and told != (self._base_path.rstrip("/") or "/"):
            raise BasePathError(
                f"{models_config.FILE_NAME} says that model servers find the repository at {told}, this command would "
                f"say {self._base_path}; nothing was changed. Say which it is: --base-path or $MODEL_BASE_PATH"
            )

    def config(self) -> wire.ModelServerConfig:
        """What model servers are to load, as a message."""
        return models_config.to_proto(self.read(), self._base_path)

    def write_model(self, name: str, model: ModelRelease) -> None:
        """Replaces the state of one model; an empty state removes it. Others' changes to other models stay."""
        with versions.locked(self.root):
            release = self.read()
            states = {**release.models, name: model}
            changed = Release({one: state for one, state in sorted(states.items()) if state != ModelRelease()})
            if changed != release:
                self._write(release_file.FILE_NAME, changed.to_json())
            self._render(changed)

    def repair(self) -> None:
        """Renders ``models.config`` anew if it is not what ``release.json`` says, as after a crash between the two."""
        with versions.locked(self.root):
            self._render(self.read())

    @contextmanager
    def rollout(self, name: str) -> Iterator[None]:
        """Makes this process the only one that rolls out `name`; readers and other models go on undisturbed.

        The operating system ends it if the process dies.

        Raises:
            RolloutBusy: Another process is at it.
            OSError: The repository cannot be written.
        """
        with self._sole(f".rollout-{check_name(name)}", f"Another rollout of {name} is under way"):
            yield

    @contextmanager
    def watch(self, name: str) -> Iterator[None]:
        """Makes this process the only one that watches an automatic rollout of `name`; between its steps, others work.

        The operating system ends it if the process dies.

        Raises:
            RolloutBusy: Another process is at it.
            OSError: The repository cannot be written.
        """
        with self._sole(f".watch-{check_name(name)}", f"An automatic rollout of {name} is being watched already"):
            yield

    @contextmanager
    def _sole(self, file: str, busy: str) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((self.root / file).open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RolloutBusy(f"{busy}; nothing was changed") from None
            except OSError as error:
                raise OSError(
                    f"Expected a model repository that can be written; nothing was changed. Received: {self.root} "
                    f"({error.strerror})"
                ) from None
            yield

    def _render(self, release: Release) -> None:
        path, text = self.root / models_config.FILE_NAME, models_config.render(release, self._base_path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            self._write(path.name, text)

    def _write(self, name: str, text: str) -> None:
        # What a writer that was killed left behind; the lock says that none is at work.
        for leftover in self.root.glob(f".{name}.*"):
            leftover.unlink()
        versions.write_atomically(self.root / name, text)
