"""How versions are loaded and run: from the flags, or from ``--platform_config_file`` in their place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow_serving.config import platform_config_pb2

from serving.model_server import text_proto
from serving.model_server.batching.parameters import (
    BatchingParameters,
    batching_parameters,
    read_batching_parameters,
)
from serving.model_server.errors import InvalidArgument
from serving.model_server.flags import Settings
from serving.model_server.versions.config import TENSORFLOW

_BFLOAT16 = "bfloat16"


@dataclass(frozen=True)
class SessionBundle:
    """TensorFlow Serving's ``SessionBundleConfig``, read and checked.

    Attributes:
        session_config: A ``tensorflow.ConfigProto``.
        tags: Which graph of a SavedModel to load.
        batching: How requests are joined; None: they are not.
        warmup_iterations: How often each recorded request is replayed before a version serves; 0: not at all.
    """

    session_config: Any
    tags: tuple[str, ...]
    batching: BatchingParameters | None
    warmup_iterations: int


def session_bundle(settings: Settings) -> SessionBundle:
    """What the flags say.

    Raises:
        InvalidArgument: One of the files is missing, is no text-proto, or makes no sense.
    """
    if settings.platform_config_file:
        return _from_platform_config(Path(settings.platform_config_file))
    return SessionBundle(
        session_config=_session_config(settings),
        tags=tuple(settings.saved_model_tags.split(",")),
        batching=_batching(settings),
        warmup_iterations=max(settings.num_request_iterations_for_warmup, 1) if settings.enable_model_warmup else 0,
    )


def _session_config(settings: Settings) -> Any:
    config = config_pb2.ConfigProto()
    if settings.tensorflow_session_config_file:
        text_proto.read(Path(settings.tensorflow_session_config_file), config)
    intra, inter = settings.tensorflow_intra_op_parallelism, settings.tensorflow_inter_op_parallelism
    if intra <= 0 and inter <= 0:
        intra = inter = settings.tensorflow_session_parallelism
    if intra or inter:
        config.intra_op_parallelism_threads, config.inter_op_parallelism_threads = intra, inter
    if settings.mixed_precision:
        if settings.mixed_precision != _BFLOAT16:
            raise InvalidArgument(f"Expected --mixed_precision={_BFLOAT16}. Received: {settings.mixed_precision}")
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = rewriter_config_pb2.RewriterConfig.ON
    return config


def _batching(settings: Settings) -> BatchingParameters | None:
    if not settings.enable_batching:
        return None
    if settings.batching_parameters_file:
        return read_batching_parameters(Path(settings.batching_parameters_file))
    return BatchingParameters(thread_pool_name="model_server_batch_threads")


def _from_platform_config(path: Path) -> SessionBundle:
    platforms = platform_config_pb2.PlatformConfigMap()
    # A text may only name a message that is declared by then.
    adapter = text_proto.empty("SavedModelBundleSourceAdapterConfig")
    text_proto.read(path, platforms)
    if TENSORFLOW not in platforms.platform_configs:
        raise InvalidArgument(f"Expected a platform_configs entry for '{TENSORFLOW}' in '{path}'")
    if not platforms.platform_configs[TENSORFLOW].source_adapter_config.Unpack(adapter):
        raise InvalidArgument(f"Expected a {adapter.DESCRIPTOR.full_name} as source_adapter_config in '{path}'")
    legacy = adapter.legacy_config
    iterations = legacy.model_warmup_options.num_request_iterations.value
    return SessionBundle(
        session_config=legacy.session_config,
        tags=tuple(legacy.saved_model_tags) or ("serve",),
        batching=batching_parameters(legacy.batching_parameters) if legacy.HasField("batching_parameters") else None,
        warmup_iterations=max(iterations, 1) if legacy.enable_model_warmup else 0,
    )
