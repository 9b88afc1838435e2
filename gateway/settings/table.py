"""The table of settings: every variable that the gateway reads, its default and what it is for."""

from __future__ import annotations

from contract.images import MAX_PIXELS
from gateway.settings import parse
from gateway.settings.cores import usable
from gateway.settings.row import Group, Setting

# A worker's event loop fills a core, and what it asks of the model server fills another. Fewer workers share larger
# batches; beyond eight the model server bounds the throughput.
MOST_WORKERS = 8
_WORKERS = max(1, min(usable() // 2, MOST_WORKERS))

GROUPS: tuple[Group, ...] = (
    Group(
        "Models",
        (
            Setting(
                "serving",
                "VITRINE_SERVING",
                "localhost:8500",
                "TensorFlow Serving's gRPC address, host:port.",
                parse.target,
            ),
            Setting(
                "repository",
                "MODEL_REPOSITORY",
                "",
                "Folder of the model repository; its release.json names models and labels and is read again when it "
                "changes.",
                parse.folder,
            ),
            Setting(
                "models",
                "VITRINE_MODELS",
                "",
                "Model names with commas between, for a TensorFlow Serving without a release.json.",
                parse.names,
            ),
            Setting(
                "default_model",
                "VITRINE_DEFAULT_MODEL",
                "",
                "The model for callers who name none; the first of VITRINE_MODELS, else of release.json, if empty.",
                parse.name,
            ),
        ),
    ),
    Group(
        "Server",
        (
            Setting("host", "VITRINE_HOST", "0.0.0.0", "Address to listen on.", str),
            Setting(
                "port", "VITRINE_PORT", "8080", "TCP port to listen on; 0 takes any free one.", parse.whole(0, 65535)
            ),
            Setting(
                "workers",
                "VITRINE_WORKERS",
                "0",
                "Worker processes; 0 starts one for every two cores, at most 8: the other core is the model server's.",
                parse.count_or_cores(256, _WORKERS),
            ),
            Setting(
                "threads",
                "VITRINE_THREADS",
                "16",
                "Threads in each worker for pages, probes and documentation; classifications need none of them.",
                parse.whole(2, 1024),
            ),
            Setting(
                "decode_threads",
                "VITRINE_DECODE_THREADS",
                "0",
                "Threads in each worker that decode pictures; 0 starts one a core.",
                parse.count_or_cores(256, usable()),
            ),
            Setting(
                "trusted_proxies",
                "VITRINE_TRUSTED_PROXIES",
                "",
                "Addresses or networks with commas between, whose X-Forwarded-For, -Proto and -Prefix are believed; "
                "those of nobody else are.",
                parse.networks,
            ),
        ),
    ),
    Group(
        "Limits of a request",
        (
            Setting(
                "timeout_s",
                "VITRINE_TIMEOUT_S",
                "10",
                "Seconds after which a request is given up (504).",
                parse.seconds,
            ),
            Setting(
                "max_file_bytes",
                "VITRINE_MAX_FILE_BYTES",
                "20971520",
                "Bytes of one picture; 20 MiB, or VITRINE_MAX_BODY_BYTES if that is less.",
                parse.whole(1),
            ),
            Setting("max_files", "VITRINE_MAX_FILES", "128", "Pictures in one request.", parse.whole(1)),
            Setting(
                "max_body_bytes", "VITRINE_MAX_BODY_BYTES", "67108864", "Bytes of one request; 64 MiB.", parse.whole(1)
            ),
            Setting(
                "max_pixels",
                "VITRINE_MAX_PIXELS",
                str(MAX_PIXELS),
                "Width times height of one picture; a larger one is refused before it is decoded.",
                parse.whole(1),
            ),
        ),
    ),
    Group(
        "Load",
        (
            Setting(
                "max_batch",
                "VITRINE_MAX_BATCH",
                "32",
                "Pictures in one call to the model server; at most its own max_batch_size where it batches.",
                parse.whole(1),
            ),
            Setting(
                "max_inflight",
                "VITRINE_MAX_INFLIGHT",
                "64",
                "Classifications at once in each worker; more get 429.",
                parse.whole(1),
            ),
            Setting(
                "max_buffered_bytes",
                "VITRINE_MAX_BUFFERED_BYTES",
                "268435456",
                "Bytes of uploads held at once in each worker, 256 MiB; more get 429. At least VITRINE_MAX_BODY_BYTES.",
                parse.whole(1),
            ),
            Setting(
                "shadow_inflight",
                "VITRINE_SHADOW_INFLIGHT",
                "1",
                "Copied requests at once for each model's shadow version, in each worker; several wait for each other, "
                "and make the version look slower than it is.",
                parse.whole(1),
            ),
            Setting(
                "shadow_bytes",
                "VITRINE_SHADOW_BYTES",
                "67108864",
                "Bytes of copied requests held at once in each worker, 64 MiB; what does not fit is not compared.",
                parse.whole(1),
            ),
        ),
    ),
    Group(
        "Who may ask, and how much",
        (
            Setting(
                "api_keys_file",
                "VITRINE_API_KEYS_FILE",
                "",
                "File of API keys, one a line, as name:key or name:sha256:<hex digest of the key>; # begins a comment. "
                "Read again when it changes. With it, everything but /healthz, /readyz and /metrics asks for a key: "
                "programs send X-API-Key or Authorization: Bearer, browsers ask for the name and the key.",
                parse.file,
            ),
            Setting(
                "rate_limit",
                "VITRINE_RATE_LIMIT",
                "",
                "Pictures that one client may send, such as 600/minute or 10/second, over all workers; more get 429. A "
                "client is an API key's name, else an address. No limit if empty.",
                parse.rate,
            ),
        ),
    ),
    Group(
        "What operators see",
        (
            Setting(
                "log_level",
                "VITRINE_LOG_LEVEL",
                "info",
                f"The least level that is logged: {', '.join(parse.LEVELS)}. At debug, probes are logged too.",
                parse.level,
            ),
            Setting(
                "otlp_endpoint",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "",
                "An OpenTelemetry collector's URL for OTLP over HTTP, such as http://localhost:4318; traces are sent "
                "if it is set. The standard's other OTEL_ variables hold as well.",
                parse.url,
            ),
            Setting(
                "otlp_traces_endpoint",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "",
                "The same as a whole URL, path and all, for traces alone.",
                parse.url,
            ),
        ),
    ),
)
TABLE: tuple[Setting, ...] = tuple(row for group in GROUPS for row in group.rows)


def help_table() -> str:
    """All settings as text, for ``python -m gateway --help``."""
    lines = []
    for group in GROUPS:
        lines += ["", f"{group.title}:"]
        for row in group.rows:
            lines += [f"  {row.variable} (default: {row.default or 'none'})", f"      {row.help}"]
    return "\n".join(lines[1:])
