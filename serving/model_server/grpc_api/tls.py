"""Credentials of the gRPC ports: none, TLS by ``--ssl_config_file``, or Google's ALTS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from serving.model_server import text_proto
from serving.model_server.errors import InvalidArgument
from serving.model_server.flags import Settings


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the flags ask for; None: plain text.

    Raises:
        InvalidArgument: The file is missing, is no text-proto, or verifies clients by no authority.
    """
    if settings.use_alts_credentials:
        alts: grpc.ServerCredentials = grpc.alts_server_credentials()
        return alts
    return _from_file(Path(settings.ssl_config_file)) if settings.ssl_config_file else None


def _from_file(path: Path) -> grpc.ServerCredentials:
    config = text_proto.empty("SSLConfig")
    text_proto.read(path, config)
    if not (config.server_key and config.server_cert):
        raise InvalidArgument(f"Expected server_key and server_cert, the PEM texts themselves, in '{path}'")
    if config.client_verify and not config.custom_ca:
        raise InvalidArgument(
            f"Expected custom_ca, the authority to verify clients by, beside client_verify in '{path}'"
        )
    made = grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
    try:
        # gRPC looks at them only when it opens a port, and would then blame the port.
        grpc.server(ThreadPoolExecutor(1)).add_secure_port("localhost:0", made)
    except RuntimeError:
        raise InvalidArgument(f"Expected a PEM key and its certificate in '{path}'; gRPC cannot use these") from None
    return made
