"""Logs: one JSON object a line, without control characters or secrets, and nobody waits for whoever reads them."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.observe import logs
from gateway.observe.lines import LineWriter
from gateway.observe.metrics import Metrics
from gateway.observe.record import RequestRecord
from gateway.observe.recorder import Recorder
from gateway.versions.resolve import Resolved
from gateway.versions.trail import Asked, Trail
from tests.conftest import ROOT
from tests.gateway.observe.samples import answer, samples
from tests.processes import wait_until


class Pipe:
    """A pipe whose reader sleeps until it is woken."""

    def __init__(self) -> None:
        self._reader, self.descriptor = os.pipe()
        fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, 4096)
        self.read = b""

    def wake_reader(self) -> None:
        """Reads until nobody writes any more."""
        threading.Thread(target=self._read).start()

    def close(self) -> None:
        """Ends it."""
        os.close(self.descriptor)

    def _read(self) -> None:
        while piece := os.read(self._reader, 65536):
            self.read += piece
        os.close(self._reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_reader_that_sleeps_keeps_nobody_waiting_and_what_is_lost_is_told(pipe: Pipe) -> None:
    writer = LineWriter(pipe.descriptor, most_lines=100)
    writer.start()
    for number in range(20_000):
        writer.put(json.dumps({"number": number, "filler": "x" * 100}))
    dropped = writer.dropped
    assert dropped > 19_000
    pipe.wake_reader()
    writer.stop()
    wait_until(lambda: pipe.read.count(b"\n") == 20_000 - dropped + 1, what="all lines that were kept")
    lines = [json.loads(line) for line in pipe.read.splitlines()]
    assert [line["dropped"] for line in lines if "dropped" in line] == [dropped]
    numbers = [line["number"] for line in lines if "number" in line]
    assert numbers == sorted(numbers)


def test_the_end_of_the_process_does_not_wait_for_a_reader_for_ever(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.observe.lines._GOODBYE_S", 0.05)
    writer = LineWriter(pipe.descriptor)
    writer.start()
    for _ in range(100):
        writer.put("x" * 1000)
    writer.stop()
    pipe.wake_reader()
    wait_until(lambda: len(pipe.read) == 100_100, what="what a thread was left to write")


def test_lines_of_several_writers_are_not_mixed(pipe: Pipe) -> None:
    pipe.wake_reader()
    writers = [LineWriter(pipe.descriptor) for _ in range(4)]
    for writer in writers:
        writer.start()
    for number in range(500):
        for name, writer in zip("abcd", writers, strict=True):
            writer.put(name * (1 + number))
    for writer in writers:
        writer.stop()
    wait_until(lambda: pipe.read.count(b"\n") == 2000, what="all lines")
    assert {len(set(line)) for line in pipe.read.splitlines()} == {1}


def test_a_writer_that_is_not_started_writes_at_once(pipe: Pipe) -> None:
    writer = LineWriter(pipe.descriptor)
    writer.put("now")
    pipe.wake_reader()
    wait_until(lambda: pipe.read == b"now\n", what="the line")


def test_a_reader_that_went_away_is_no_error() -> None:
    reader, descriptor = os.pipe()
    os.close(reader)
    LineWriter(descriptor).put("nobody reads this")
    os.close(descriptor)


@pytest.mark.parametrize(
    "text", ["\x00\n\r\x1b[2J", "\x7f", "\x9b31m", "\u2028", "\u202eevil", "\ud800", "é漢😀", '"\\']
)
def test_a_line_is_one_line_and_reads_back_as_it_was(text: str) -> None:
    line = logs.to_line({"path": text, "number": 2**70})
    assert json.loads(line) == {"path": text, "number": 2**70}
    assert logs.to_line({"path": text}).isprintable()


def test_text_that_is_harmless_stays_readable() -> None:
    assert logs.to_line({"file": "Äpfel 漢字.png"}) == '{"file":"Äpfel 漢字.png"}'


_PROGRAM = """
import logging, logging.config, sys
from gateway.observe import logs
logging.config.dictConfig(logs.config(sys.argv[1]))
logs.STDERR.start()
log = logging.getLogger("some.module")
log.debug("fine")
log.info("a line\\nbreak", extra={logs.FIELDS: {"request_id": "abc"}})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
logging.getLogger("gunicorn.error").warning("of the server")
logging.getLogger("gunicorn.access").info("not wanted")
"""


@pytest.mark.parametrize(("level", "messages"), [("debug", 4), ("info", 3), ("error", 1)])
def test_a_process_logs_json_from_a_level_on_to_its_very_end(level: str, messages: int) -> None:
    command = [sys.executable, "-c", _PROGRAM, level]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stderr
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) == messages
    (broken,) = [line for line in lines if line["message"] == "broken"]
    assert "ZeroDivisionError" in broken["trace"]
    assert {"time", "level", "pid", "logger", "message"} <= set(broken)
    if level != "error":
        (one,) = [line for line in lines if line["logger"] == "some.module" and line["level"] == "info"]
        assert (one["message"], one["request_id"]) == ("a line\nbreak", "abc")


class Told:
    """A recorder and what it tells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[dict[str, object]] = []
        self.metrics = Metrics()
        self.recorder = Recorder(self.metrics)
        monkeypatch.setattr(logs.STDERR, "put", lambda line: self.lines.append(json.loads(line)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level(logging.INFO)
    return Told(monkeypatch)


RECORD = RequestRecord(
    "id-1",
    "POST",
    "/api/v1/classify",
    client="203.0.113.7",
    key_name="alice",
    route="/api/v1/classify",
    received_bytes=3000,
)


def test_a_requests_line_holds_what_an_operator_asks_for(told: Told) -> None:
    canary, stable = Resolved("digits", 3, "canary", drawn=True), Resolved("digits", 2, "stable")
    trail = Trail(stable, [Asked(canary, "failed"), Asked(stable, "ok", 0.004)])
    told.recorder.finish(replace(RECORD, answer=answer(0.9, "corrupt_image"), trail=trail), 200)
    (line,) = told.lines
    assert isinstance(line.pop("ms"), float)
    assert isinstance(line.pop("time"), str)
    assert line == {
        "level": "info",
        "pid": os.getpid(),
        "logger": "gateway.request",
        "message": "request",
        "request_id": "id-1",
        "client": "203.0.113.7",
        "key": "alice",
        "method": "POST",
        "path": "/api/v1/classify",
        "status": 200,
        "bytes": 3000,
        "model": "digits",
        "version": 2,
        "fell_back_from": 3,
        "images": 2,
        "refused": 1,
        "retries": 1,
        "decode_ms": 2.0,
        "queue_ms": 0.0,
        "predict_ms": 4.0,
    }


def test_a_request_is_counted_too(told: Told) -> None:
    told.recorder.finish(replace(RECORD, answer=answer(0.9)), 200)
    told.recorder.finish(replace(RECORD, code="overloaded", received_bytes=0), 429)
    found = samples(told.metrics.exposition())
    assert found['vitrine_http_requests_total{method="POST",route="/api/v1/classify",status="429"}'] == 1
    assert found['vitrine_errors_total{code="overloaded"}'] == 1
    assert found['vitrine_images_total{model="digits",result="ok",version="2"}'] == 1
    assert found['vitrine_upload_bytes_count{route="/api/v1/classify"}'] == 1
    assert [line.get("code") for line in told.lines] == [None, "overloaded"]


def test_probes_are_news_only_when_they_fail_or_at_debug(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    probe = RequestRecord("id-2", "GET", "/healthz", quiet=True)
    told.recorder.finish(probe, 200)
    assert not told.lines
    told.recorder.finish(probe, 503)
    told.recorder.finish(probe, 0)
    assert [line["status"] for line in told.lines] == [503, 0]
    caplog.set_level(logging.DEBUG)
    told.recorder.finish(probe, 200)
    assert told.lines[-1]["level"] == "debug"


def test_a_path_of_a_clients_choosing_is_cut_and_made_harmless(told: Told) -> None:
    told.recorder.finish(RequestRecord("id-3", "GET", "/\x9b" + "a" * 5000), 404)
    (line,) = told.lines
    assert line["path"] == "/\x9b" + "a" * 198
