"""TensorFlow's profiler service, as ``--enable_profiler`` offers it: TensorBoard's profile page asks it for a trace.

Its messages are not part of TensorFlow's Python package, so the fields used are declared here.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "tensorflow.ProfilerService"
_recording = threading.Lock()


def add_profiler(server: grpc.Server) -> None:
    """Puts the service on a server."""
    # It takes no thread from the calls that it is about. The second thread refuses who comes meanwhile.
    profile.experimental_thread_pool = ThreadPoolExecutor(2, thread_name_prefix="profiler")  # type: ignore[attr-defined]
    handlers: dict[str, Any] = {"Profile": grpc.unary_unary_rpc_method_handler(profile)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def profile(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Records what TensorFlow does for as long as the request says, and writes it to the folder that it names.

    Args:
        request: A serialized ``ProfileRequest``.
        context: The call; one that is cancelled ends the recording.

    Returns:
        A serialized ``ProfileResponse``.
    """
    asked, answer = _messages()
    asked.ParseFromString(request)
    ended = threading.Event()
    context.add_callback(ended.set)
    if not _recording.acquire(blocking=False):
        context.abort(grpc.StatusCode.ALREADY_EXISTS, "Another profiler session active.")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            traces = _record(Path(scratch), ended, asked.duration_ms / 1e3)
            if asked.repository_root:
                _keep(traces, Path(asked.repository_root, asked.session_id), asked.host_name)
    finally:
        _recording.release()
    answer.empty_trace = not traces
    response: bytes = answer.SerializeToString()
    return response


def _record(folder: Path, ended: threading.Event, duration_s: float) -> list[Path]:
    """Records until `ended` is set, at most so many seconds. Gives the traces written."""
    # Only now: it costs milliseconds that most servers never need.
    from tensorflow.python.profiler.internal import _pywrap_profiler

    session = _pywrap_profiler.ProfilerSession()
    session.start(str(folder), {})
    ended.wait(min(duration_s, threading.TIMEOUT_MAX))
    session.export_to_tb()
    return list(folder.glob("plugins/profile/*/*.xplane.pb"))


def _keep(traces: Iterable[Path], folder: Path, host: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for trace in traces:
        shutil.move(trace, folder / f"{host.replace(':', '_')}.xplane.pb")


def _messages() -> tuple[Any, Any]:
    """An empty ``ProfileRequest`` and ``ProfileResponse``, field numbers as in profiler_service.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="profiler.proto", package="tensorflow", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    request = file.message_type.add(name="ProfileRequest")
    request.field.add(name="duration_ms", number=1, type=field.TYPE_UINT64, label=field.LABEL_OPTIONAL)
    for name, number in (("repository_root", 5), ("session_id", 6), ("host_name", 7)):
        request.field.add(name=name, number=number, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="ProfileResponse")
    response.field.add(name="empty_trace", number=7, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    # A pool of its own: TensorFlow may have the real messages under the same names.
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    names = ("tensorflow.ProfileRequest", "tensorflow.ProfileResponse")
    asked, answer = (message_factory.GetMessageClass(pool.FindMessageTypeByName(name))() for name in names)
    return asked, answer
