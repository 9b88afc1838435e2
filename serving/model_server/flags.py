"""The command line: every flag of TensorFlow Serving 2.20 with its name, type and default, in one table.

A flag that cannot mean anything here is accepted, so that the official server's command line works unchanged, and
`ignored` says why. Importing this costs nothing: a wrong flag is refused before TensorFlow is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from serving.model_server import cpus


def _flag(default: Any, text: str, *, ignored: str = "", kind: str = "") -> Any:
    kinds = {bool: "bool", int: "int32", float: "float", str: "string"}
    return field(default=default, metadata={"help": text, "ignored": ignored, "type": kind or kinds[type(default)]})


@dataclass(frozen=True)
class Settings:
    """The server's configuration; every field is a flag of the same name."""

    # The gRPC API.
    port: int = _flag(8500, "TCP port of the gRPC API; 0: none")
    grpc_socket_path: str = _flag("", "UNIX socket of the gRPC API, besides the port or, with --port=0, instead of it")
    grpc_max_threads: int = _flag(4 * cpus.USABLE, "threads for gRPC calls, which otherwise wait; at least 32")
    grpc_channel_arguments: str = _flag(
        "", "key=value,... for the gRPC server, such as grpc.max_connection_age_ms=2000"
    )
    ssl_config_file: str = _flag("", "text-proto SSLConfig: serve gRPC over TLS")
    use_alts_credentials: bool = _flag(False, "serve gRPC over Google's ALTS")
    enable_grpc_healthcheck_service: bool = _flag(False, "offer grpc.health.v1.Health")
    enable_profiler: bool = _flag(True, "offer the profiler service, for TensorBoard's profile page")
    enable_serialization_as_tensor_content: bool = _flag(False, "answer Predict in tensor_content, not in typed values")

    # The REST API.
    rest_api_port: int = _flag(0, "TCP port of the REST API, other than --port; 0: none")
    rest_api_num_threads: int = _flag(4 * cpus.USABLE, "threads for REST calls, which otherwise wait")
    rest_api_timeout_in_ms: int = _flag(
        30_000, "milliseconds from a REST call's arrival until it is given up; 0: never"
    )
    rest_api_enable_cors_support: bool = _flag(False, "answer with CORS headers")
    monitoring_config_file: str = _flag(
        "", "text-proto MonitoringConfig: metrics for Prometheus at a path of its choice"
    )

    # Which models.
    model_name: str = _flag("default", "name of the model at --model_base_path")
    model_base_path: str = _flag("", "absolute path of a folder of numbered versions")
    model_config_file: str = _flag("", "text-proto ModelServerConfig: many models; --model_base_path is then ignored")
    model_config_file_poll_wait_seconds: int = _flag(0, "seconds between readings of --model_config_file; 0: once")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "an unused label may name a version not yet loaded"
    )

    # Their life cycle.
    file_system_poll_wait_seconds: int = _flag(1, "seconds between looks for new versions; 0: once; negative: never")
    num_load_threads: int = _flag(0, "threads that load versions; 0: four a CPU")
    num_unload_threads: int = _flag(0, "threads that unload versions; 0: four")
    max_num_load_retries: int = _flag(5, "further attempts to load a version that failed")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between them; negative: none", kind="int64")
    enable_model_warmup: bool = _flag(True, "replay assets.extra/tf_serving_warmup_requests before serving")
    num_request_iterations_for_warmup: int = _flag(0, "how often each of those requests is run; 0: once")

    # How they run.
    saved_model_tags: str = _flag("serve", "comma-separated tags of the graph to load from a SavedModel")
    enable_signature_method_name_check: bool = _flag(False, "classify and regress by signatures of that method alone")
    platform_config_file: str = _flag("", "text-proto PlatformConfigMap: replaces all flags on sessions and batching")
    tensorflow_session_config_file: str = _flag("", "text-proto ConfigProto for sessions, which the flags below refine")
    tensorflow_session_parallelism: int = _flag(0, "both of the next two; 0: one a CPU", kind="int64")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside one operation; 0: one a CPU", kind="int64")
    tensorflow_inter_op_parallelism: int = _flag(
        0, "threads for operations that do not run in their request's own thread; 0: one a CPU", kind="int64"
    )
    mixed_precision: str = _flag("", "bfloat16 to compute in that type what can be")
    prefer_tflite_model: bool = _flag(False, "serve model.tflite where there is one")

    # Batching.
    enable_batching: bool = _flag(False, "join concurrent requests into one run")
    batching_parameters_file: str = _flag("", "text-proto BatchingParameters; needs --enable_batching")
    enable_per_model_batching_parameters: bool = _flag(
        False, "batch each version by the batching_params.pbtxt in its directory"
    )

    # Without a meaning here.
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "share of the GPU's memory to take", ignored="this server computes on CPUs"
    )
    flush_filesystem_caches: bool = _flag(
        True, "forget model files once loaded", ignored="the kernel frees its page cache as memory is needed"
    )
    remove_unused_fields_from_bundle_metagraph: bool = _flag(
        True, "drop what is not needed of a MetaGraphDef", ignored="only the signatures are kept of it"
    )
    xla_cpu_compilation_enabled: bool = _flag(
        False, "let models compile with XLA", ignored="a model that asks for XLA always gets it"
    )
    xla_gpu_compilation_enabled: bool = _flag(
        False, "let models compile with XLA on GPUs", ignored="this server computes on CPUs"
    )
    thread_pool_factory_config_file: str = _flag(
        "", "text-proto ThreadPoolConfig", ignored="all models share TensorFlow's own threads"
    )
    num_tflite_pools: int = _flag(
        cpus.USABLE, "pools of TensorFlow Lite interpreters", ignored="each model has one interpreter"
    )
    num_tflite_interpreters_per_pool: int = _flag(1, "interpreters in each", ignored="each model has one interpreter")
    skip_initialize_tpu: bool = _flag(False, "leave TPUs alone", ignored="this server computes on CPUs")

    version: bool = _flag(False, "print the version and end")


def changed(settings: Settings) -> Iterator[tuple[Field[Any], str]]:
    """The flags whose value is not the default, with it as a command line would have it."""
    for flag in fields(settings):
        value = getattr(settings, flag.name)
        if value != flag.default:
            yield flag, str(value).lower() if isinstance(value, bool) else str(value)
