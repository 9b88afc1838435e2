"""The model list, its labels and its sources: what a reload replaces and a poll refreshes. Knows no protocol."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic

from serving.model_server.errors import FailedPrecondition, InvalidArgument, NotFound
from serving.model_server.versions import availability, config, source
from serving.model_server.versions.config import ModelConfig, ModelList
from serving.model_server.versions.labels import checked_labels
from serving.model_server.versions.lifecycle import Lease, ServableT, VersionStatus
from serving.model_server.versions.manager import Manager
from serving.model_server.versions.policy import State

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

    def __init__(
        self,
        manager: Manager[ServableT],
        *,
        allow_labels_for_unavailable: bool = False,
        look_at_file_system: bool = True,
    ) -> None:
        """Starts with no model.

        Args:
            manager: Where the versions live.
            allow_labels_for_unavailable: An unused label may name a version not yet loaded.
            look_at_file_system: False: base paths are never looked at, and no version is ever found.
        """
        self._manager = manager
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._look_at_file_system = look_at_file_system
        self._replacing = threading.Lock()
        self._models: ModelList | None = None
        self._labels: _Labels = {}
        self._complaints: dict[str, list[str]] = {}

    def start(self, models: ModelList | None, *, abandoned: Callable[[], bool] = lambda: False) -> None:
        """As `reload`, for the first list; its errors speak of servables."""
        self._wait_for(self.replace_models(models), "servable", None, abandoned)

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
            InvalidArgument: A platform other than TensorFlow.
            FailedPrecondition: A label is put on a version that is not available.
            Unknown: A new model failed to load. It stays in the list.
            DeadlineExceeded: A new model was not loaded in time. It goes on loading.
        """
        self._wait_for(self.replace_models(models), "model", timeout_s, abandoned)

    def replace_models(self, models: ModelList | None) -> set[str]:
        """As `reload`, without the wait. None is a file without a list: welcome at the start alone.

        Returns:
            The names that were not in the list before.

        Raises:
            InvalidArgument: As `reload`.
            FailedPrecondition: As `reload`, or no list.
        """
        with self._replacing:
            if models is None:
                self._refuse_to_lose_the_list()
                return set()
            before = self._models or ()
            config.check_platform_changes(before, models)
            labels = {model.name: self._checked_labels(model) for model in models}
            config.check_platforms(models)
            _log_changes(before, models)
            self._models, self._labels = models, labels
            names, old_names = {model.name for model in models}, {model.name for model in before}
            for removed in old_names - names:
                self._manager.set_aspired(removed, {})
                self._complaints.pop(removed, None)
            self._refresh()
            return names - old_names

    def poll_file_system(self) -> None:
        """Looks at every base path, loads what is new there and unloads what went."""
        with self._replacing:
            self._refresh()

    def lease(self, spec: ModelSpec) -> Lease[ServableT]:
        """A loaded version for one request.

        Raises:
            InvalidArgument: No name, or an unknown label.
            NotFound: It is not loaded.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        version = self._version(spec)
        try:
            return self._manager.lease(spec.name, version)
        except NotFound:
            # Between the two lines above a label may have moved, and the version that it left been unloaded.
            if self._version(spec) == version:
                raise
            return self._manager.lease(spec.name, self._version(spec))

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """The version meant by a request, or all of the model's, newest first. A label is ignored, as it always was.

        Raises:
            NotFound: There never was such a version or model.
        """
        statuses = self._manager.statuses(spec.name)
        if spec.version is None:
            if not statuses:
                raise NotFound(f"Could not find any versions of model {spec.name}")
            return statuses
        chosen = [status for status in statuses if status.version == spec.version]
        if not chosen:
            raise NotFound(f"Could not find version {spec.version} of model {spec.name}")
        return chosen

    def _version(self, spec: ModelSpec) -> int | None:
        if spec.label is None:
            return spec.version
        version = self._labels.get(spec.name, {}).get(spec.label)
        if version is None:
            raise InvalidArgument(f"Unrecognized servable version label: {spec.label}")
        return version

    def _refuse_to_lose_the_list(self) -> None:
        if self._models is not None:
            raise FailedPrecondition(
                "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to "
                "another."
            )
        _LOG.info("Taking no action for empty config.")

    def _checked_labels(self, model: ModelConfig) -> Mapping[str, int]:
        statuses = self._manager.statuses(model.name)
        return checked_labels(
            model,
            in_use=self._labels.get(model.name, {}),
            available={one.version for one in statuses if one.state is State.AVAILABLE},
            unused_may_wait=self._allow_labels_for_unavailable,
        )

    def _wait_for(
        self, names: Collection[str], noun: str, timeout_s: float | None, abandoned: Callable[[], bool]
    ) -> None:
        found: dict[str, list[VersionStatus]] = {}

        def settled() -> bool:
            # A later list may have dropped a model that this one brought.
            listed = {model.name for model in self._models or ()}
            found.clear()
            found.update({name: self._manager.statuses(name) for name in listed.intersection(names)})
            return all(availability.settled(versions) for versions in found.values())

        self._manager.wait_until(settled, timeout_s=timeout_s, abandoned=abandoned)
        # What was found settled, not what is by now: a version may have left since.
        availability.check(found, noun=noun)

    def _refresh(self) -> None:
        for model in self._models or ():
            if not self._look_at_file_system:
                return
            try:
                found = source.version_directories(model)
            except InvalidArgument as missing:
                self._complain(model.name, [str(missing)])
                continue
            aspired = source.aspired_versions(model.policy, found)
            self._complain(model.name, source.shortcomings(model, aspired))
            self._manager.set_aspired(model.name, aspired)

    def _complain(self, name: str, problems: list[str]) -> None:
        """Logs a model's problems once, not at every poll."""
        if problems != self._complaints.get(name, []):
            for problem in problems:
                _LOG.warning("%s", problem)
        self._complaints[name] = problems


def _log_changes(before: ModelList, after: ModelList) -> None:
    old, new = ({model.name: model for model in models} for models in (before, after))
    for name in sorted(old.keys() - new.keys()):
        _LOG.info("model %s leaves the list", name)
    for name, model in new.items():
        if old.get(name) != model:
            labels = ", ".join(f"{label} = {version}" for label, version in sorted(model.labels.items()))
            _LOG.info("model %s: %s from %s%s", name, model.policy, model.base_path, f", {labels}" if labels else "")
