"""The core as the flags choose it: which models, what loads and keeps them, what runs requests."""

from __future__ import annotations

import logging
from pathlib import Path

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.metrics import BatchingMetrics
from serving.model_server.flags import Settings
from serving.model_server.inference import servable, tflite, warmup
from serving.model_server.inference.predict import Runner, run_directly
from serving.model_server.inference.servable import Servable
from serving.model_server.metrics import Metrics
from serving.model_server.monitoring_config import read_prometheus_path
from serving.model_server.session_bundle import SessionBundle
from serving.model_server.versions import config
from serving.model_server.versions.config import ModelConfig, ModelList
from serving.model_server.versions.core import Core
from serving.model_server.versions.manager import Loader, Manager

_LOG = logging.getLogger(__name__)


def models(settings: Settings) -> ModelList | None:
    """The first model list.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or lists models that cannot be served.
    """
    if settings.model_config_file:
        return config.read_model_list(Path(settings.model_config_file))
    single = (ModelConfig(settings.model_name, Path(settings.model_base_path)),)
    config.check(single)
    return single


def prometheus_path(settings: Settings) -> str | None:
    """Where metrics are told; None: nowhere. Raises InvalidArgument as `read_prometheus_path` does."""
    return read_prometheus_path(Path(settings.monitoring_config_file)) if settings.monitoring_config_file else None


def runner(bundle: SessionBundle, settings: Settings, metrics: Metrics) -> Runner:
    """What runs a checked request."""
    if bundle.batching is None:
        return run_directly
    batching_metrics = BatchingMetrics() if settings.monitoring_config_file else None
    if batching_metrics:
        metrics.include(batching_metrics.by_name)
    per_model = settings.enable_per_model_batching_parameters
    return Batcher(bundle.batching, per_model=per_model, metrics=batching_metrics)


def manager(settings: Settings, load: Loader[Servable]) -> Manager[Servable]:
    """The registry of versions, without one yet."""
    return Manager(
        load,
        retries=settings.max_num_load_retries,
        retry_interval_s=max(settings.load_retry_interval_micros, 0) / 1e6,
        load_threads=settings.num_load_threads,
        unload_threads=settings.num_unload_threads,
    )


def core(settings: Settings, manager: Manager[Servable]) -> Core[Servable]:
    """The model list, empty yet."""
    return Core(
        manager,
        allow_labels_for_unavailable=settings.allow_version_labels_for_unavailable_models,
        look_at_file_system=settings.file_system_poll_wait_seconds >= 0,
    )


def loader(bundle: SessionBundle, settings: Settings, run: Runner, metrics: Metrics) -> Loader[Servable]:
    """What makes a version ready to serve."""

    def load(name: str, version: int, path: Path) -> Servable:
        with metrics.loading(str(path)):
            if settings.prefer_tflite_model and (path / tflite.FILE).is_file():
                loaded: Servable = tflite.load(path)
            else:
                loaded = servable.load(path, bundle.session_config, bundle.tags)
        loaded.check_method_names = settings.enable_signature_method_name_check
        try:
            if isinstance(run, Batcher):
                # A version with bad parameters of its own does not load.
                run.parameters_of(loaded)
            if bundle.warmup_iterations and (path / warmup.REQUESTS).is_file():
                with metrics.warming_up(str(path)):
                    count = warmup.replay(loaded, path, iterations=bundle.warmup_iterations, run=run)
                _LOG.info("warmed up %s version %d with %d requests", name, version, count)
        except BaseException:
            loaded.close()
            raise
        return loaded

    return load
