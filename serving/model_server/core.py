"""The model list, its labels and its sources: what a reload replaces and a poll refreshes. Knows no protocol."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from serving.model_server import source
from serving.model_server.config import ModelConfig, ModelList
from serving.model_server.errors import FailedPrecondition, InvalidArgument, NotFound
from serving.model_server.manager import Lease, Manager, ServableT, VersionStatus
from serving.model_server.policy import State

_LOG = logging.getLogger(__name__)
_Labels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class ModelSpec:
    """Which servable a request means: the latest version, one version, or the one under a label."""

    name: str
    version: int | None = None
    label: str | None = None


class Core(Generic[ServableT]):
    """Everything that the two edges ask, apart from running a model. Thread-safe."""

    def __init__(self, manager: Manager[ServableT], *, allow_labels_for_unavailable: bool = False) -> None:
        """Starts with no model. `allow_labels_for_unavailable`: an unused label may name a version not yet loaded."""
        self._manager = manager
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._reloading = threading.Lock()
        self._models: ModelList = ()
        self._labels: _Labels = {}
        self._complaints: dict[str, str] = {}

    def reload(
        self, models: ModelList, *, timeout_s: float | None = None, abandoned: Callable[[], bool] = lambda: False
    ) -> None:
        """Replaces the whole model list, then waits until the models whose names are new serve.

        A known model's new version is not waited for, and labels are checked before versions are added; both as in
        TensorFlow Serving. A list that is refused changes nothing.

        Args:
            models: The list, as checked by `config.check`.
            timeout_s: How long to wait for new models; None: as long as it takes.
            abandoned: Asked now and then while waiting; True ends the wait.

        Raises:
            FailedPrecondition: A label is put on a version that is not available.
            Unknown: A new model failed to load.
            DeadlineExceeded: A new model was not loaded in time. It goes on loading.
        """
        new_names = self.replace_models(models)
        self._manager.wait_available(new_names, timeout_s=timeout_s, abandoned=abandoned)

    def replace_models(self, models: ModelList) -> set[str]:
        """As `reload`, without the wait.

        Returns:
            The names that were not in the list before.

        Raises:
            FailedPrecondition: A label is put on a version that is not available.
        """
        with self._reloading:
            labels = {model.name: self._checked_labels(model) for model in models}
            old_names, names = ({model.name for model in one} for one in (self._models, models))
            self._models, self._labels = models, labels
            for name in old_names - names:
                self._manager.set_aspired(name, {})
            self._refresh()
        return names - old_names

    def poll_file_system(self) -> None:
        """Looks at every base path, loads what is new there and unloads what went."""
        with self._reloading:
            self._refresh()

    def lease(self, spec: ModelSpec) -> Lease[ServableT]:
        """A loaded version for one request.

        Raises:
            InvalidArgument: No name, or an unknown label.
            NotFound: It is not loaded.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        return self._manager.lease(spec.name, self._version(spec))

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """The versions meant by a request, newest first.

        Raises:
            InvalidArgument: An unknown label.
            NotFound: There never was such a version or model.
        """
        version = self._version(spec)
        statuses = self._manager.statuses(spec.name)
        if version is None:
            if not statuses:
                raise NotFound(f"Could not find any versions of model {spec.name}")
            return statuses
        chosen = [status for status in statuses if status.version == version]
        if not chosen:
            raise NotFound(f"Could not find version {version} of model {spec.name}")
        return chosen

    def _version(self, spec: ModelSpec) -> int | None:
        if spec.label is None:
            return spec.version
        version = self._labels.get(spec.name, {}).get(spec.label)
        if version is None:
            raise InvalidArgument(f"Unrecognized servable version label: {spec.label}")
        return version

    def _checked_labels(self, model: ModelConfig) -> Mapping[str, int]:
        available = {one.version for one in self._manager.statuses(model.name) if one.state is State.AVAILABLE}
        in_use = self._labels.get(model.name, {})
        for label, version in model.labels.items():
            may_wait = self._allow_labels_for_unavailable and in_use.get(label, version) == version
            if version not in available and not may_wait:
                raise FailedPrecondition(
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference"
                )
        return dict(model.labels)

    def _refresh(self) -> None:
        for model in self._models:
            found = source.version_directories(model.base_path)
            if found is None:
                self._complain(model.name, f"Could not find base path {model.base_path} for servable {model.name}")
                continue
            aspired = source.aspired_versions(model.policy, found)
            self._complain(model.name, "" if aspired else _nothing_there(model))
            self._manager.set_aspired(model.name, aspired)

    def _complain(self, name: str, problem: str) -> None:
        """Logs a model's problem once, not at every poll."""
        if problem and self._complaints.get(name) != problem:
            _LOG.warning("%s", problem)
        self._complaints[name] = problem


def _nothing_there(model: ModelConfig) -> str:
    return (
        f"No versions of servable {model.name} found under base path {model.base_path}. "
        "Did you forget to name your leaf directory as a number (eg. '/1/')?"
    )
