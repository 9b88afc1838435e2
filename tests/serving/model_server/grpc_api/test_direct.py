"""Calls that are answered by the thread which reads them, over real gRPC, without a model."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from serving.model_server.grpc_api import direct
from tests.serving.model_server.conftest import eventually

METHOD = "/test.Service/Direct"


class Running:
    """A server with the method under test and one other, and a channel to it."""

    def __init__(self, method: Callable[[bytes, Any], bytes], threads: int, waiting: int) -> None:
        handlers = {
            "Direct": grpc.unary_unary_rpc_method_handler(method, lambda data: data.decode().encode(), bytes),
            "Other": grpc.unary_unary_rpc_method_handler(lambda request, _context: b"other " + request),
        }
        self.server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        one = direct.DirectServer(self.server, METHOD, threads, waiting=waiting)
        one.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Service", handlers)])
        port = self.server.add_insecure_port("127.0.0.1:0")
        one.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def stub(self, method: str = METHOD) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        return self.channel.unary_unary(method)

    def streaming_stub(self) -> grpc.StreamUnaryMultiCallable[bytes, bytes]:
        """A client of the same method which may send its message late, or never."""
        return self.channel.stream_unary(METHOD)

    def call(self, message: bytes = b"x", method: str = METHOD, **options: Any) -> bytes:
        return self.stub(method)(message, **{"timeout": 30, **options})

    def refusal(self, message: bytes = b"x", **options: Any) -> tuple[str, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(message, **options)
        return caught.value.code().name, caught.value.details() or ""


@contextmanager
def running(method: Callable[[bytes, Any], bytes], threads: int = 2, waiting: int = 100) -> Iterator[Running]:
    one = Running(method, threads, waiting)
    try:
        yield one
    finally:
        one.channel.close()
        one.server.stop(None).wait(30)


@pytest.fixture(scope="module")
def thread_names() -> Iterator[Running]:
    with running(lambda request, _context: request + b" by " + threading.current_thread().name.encode()) as one:
        yield one


def test_good_calls_are_answered_by_its_own_threads_and_others_by_the_servers(thread_names: Running) -> None:
    assert {thread_names.call()[:-1] for _ in range(20)} == {b"x by direct_"}
    assert thread_names.call(method="/test.Service/Other") == b"other x"


def test_good_calls_of_many_clients_get_their_own_answers(thread_names: Running) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: thread_names.call(b"%d" % number), range(500)))
    assert [answer.split()[0] for answer in answers] == [b"%d" % number for number in range(500)]


def test_good_large_messages_pass_both_ways() -> None:
    with running(lambda request, _context: request) as one:
        assert one.call(b"y" * 3_000_000) == b"y" * 3_000_000


def test_bad_refusals_carry_their_code_and_their_text() -> None:
    def refuse(_request: bytes, context: Any) -> Any:
        context.abort(grpc.StatusCode.NOT_FOUND, "nothing of the name ä")

    with running(refuse) as one:
        assert [one.refusal() for _ in range(3)] == [("NOT_FOUND", "nothing of the name ä")] * 3


def test_bad_faults_and_damaged_messages_are_told_as_grpc_server_tells_them() -> None:
    def fault(request: bytes, _context: Any) -> bytes:
        raise KeyError(request)

    with running(fault) as one:
        assert one.refusal() == ("UNKNOWN", "Exception calling application: b'x'")
        assert one.refusal(b"\xff") == ("INTERNAL", "Exception deserializing request!")


def test_bad_call_without_a_message_is_refused(thread_names: Running) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        thread_names.streaming_stub()(iter(()), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == f'"{METHOD}" requires exactly one request message.'


def test_good_the_deadline_is_known_and_none_is_far_away() -> None:
    with running(lambda _request, context: str(context.time_remaining()).encode()) as one:
        assert 20 < float(one.call(timeout=30)) < 31
        assert float(one.call(timeout=None)) > 1e9


def direct_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("direct_")}


def hold(entered: threading.Event, release: threading.Event) -> Callable[[bytes, Any], bytes]:
    """A method that is busy until released."""

    def method(request: bytes, _context: Any) -> bytes:
        entered.set()
        release.wait(30)
        return request

    return method


def test_good_more_calls_than_threads_wait_for_their_turn() -> None:
    entered, release = threading.Event(), threading.Event()
    with running(hold(entered, release), threads=1) as one, ThreadPoolExecutor(4) as pool:
        first = pool.submit(one.call, b"first")
        entered.wait(30)
        others = [pool.submit(one.call, name) for name in (b"a", b"b", b"c")]
        assert one.refusal(timeout=0.2)[0] == "DEADLINE_EXCEEDED"
        assert not any(call.done() for call in (first, *others))
        release.set()
        assert [call.result() for call in (first, *others)] == [b"first", b"a", b"b", b"c"]


def test_bad_a_flood_is_refused_beyond_what_may_wait_and_the_rest_is_answered() -> None:
    entered, release = threading.Event(), threading.Event()
    with running(hold(entered, release), threads=2, waiting=50) as one:
        calls = [one.stub().future(b"x", timeout=60) for _ in range(1_500)]
        eventually(lambda: sum(call.done() for call in calls) == 1_500 - 52, what="all that are too many were refused")
        release.set()
        outcomes = Counter((call.code(), call.details()) for call in calls)
    refused = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
    assert outcomes == {(grpc.StatusCode.OK, ""): 52, refused: 1_500 - 52}


@pytest.mark.parametrize("gives_up", ["cancelled", "past its deadline"])
def test_good_a_waiting_call_that_is_given_up_is_not_run_and_makes_room(gives_up: str) -> None:
    entered, release = threading.Event(), threading.Event()
    ran: list[bytes] = []

    def method(request: bytes, _context: Any) -> bytes:
        ran.append(request)
        entered.set()
        release.wait(60)
        return request

    with running(method, threads=1, waiting=1) as one:
        ask = one.stub()
        first = ask.future(b"first", timeout=60)
        entered.wait(30)
        waits = ask.future(b"given up", timeout=60 if gives_up == "cancelled" else 1)
        if gives_up == "cancelled":
            full = ("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!")
            eventually(lambda: one.refusal(b"too many", timeout=0.5) == full, what="the line is full")
            waits.cancel()
        eventually(waits.done)
        eventually(lambda: one.refusal(b"waits", timeout=1)[0] == "DEADLINE_EXCEEDED", what="another may wait instead")
        release.set()
        assert first.result() == b"first"
        assert one.call(b"after") == b"after"
    assert b"given up" not in ran


def test_bad_clients_that_never_send_their_message_hold_up_nobody() -> None:
    with running(lambda request, _context: request, threads=2) as one:
        never = threading.Event()

        def nothing() -> Iterator[bytes]:
            never.wait(60)
            yield from ()

        stuck = [one.streaming_stub().future(nothing(), timeout=60) for _ in range(100)]
        assert [one.call(b"%d" % number) for number in range(50)] == [b"%d" % number for number in range(50)]
        assert not any(call.done() for call in stuck)
        for call in stuck:
            call.cancel()
        never.set()
        assert one.call(b"after") == b"after"


def test_good_a_message_that_comes_late_is_answered() -> None:
    with running(lambda request, _context: request, threads=1) as one:
        late = threading.Event()

        def message() -> Iterator[bytes]:
            late.wait(60)
            yield b"late"

        call = one.streaming_stub().future(message(), timeout=60)
        assert one.call(b"soon") == b"soon"
        late.set()
        assert call.result() == b"late"


def test_good_a_compressed_message_is_read() -> None:
    with running(lambda request, _context: request) as one:
        assert one.call(b"z" * 100_000, compression=grpc.Compression.Gzip) == b"z" * 100_000


@pytest.mark.parametrize("lacking", ["of the binding", "of its server"])
def test_good_a_grpc_that_lacks_what_this_needs_answers_by_itself(
    lacking: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    if lacking == "of the binding":
        monkeypatch.delattr("grpc._cython.cygrpc.CompletionQueue")
    else:
        monkeypatch.setattr(server, "_cy_server", object())
    assert direct.beside(server, METHOD, 1, waiting=1) is server
    (line,) = caplog.messages
    assert line.startswith(f"{METHOD} is answered more slowly: gRPC {grpc.__version__} has no ")


def test_good_stopping_answers_what_is_in_flight_and_ends_the_threads() -> None:
    entered, release = threading.Event(), threading.Event()
    others = direct_threads()
    with running(hold(entered, release), threads=3) as one, ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(one.call)
        entered.wait(30)
        eventually(lambda: len(direct_threads() - others) == 2, what="one thread more than there are calls")
        own = direct_threads() - others
        stopped = one.server.stop(30)
        release.set()
        assert in_flight.result() == b"x"
        assert stopped.wait(30)
        eventually(lambda: not any(thread.is_alive() for thread in own))
