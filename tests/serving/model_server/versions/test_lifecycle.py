"""Versions come and go while a real server answers: polling, reload, labels, warm-up, failures."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2, prediction_log_pb2

from contract import wire_pb2 as wire
from contract.client import ModelSpec
from contract.errors import DeadlineExceeded, InvalidRequest, PreconditionFailed, ServableNotFound, ServingError
from tests.serving.model_server.conftest import ModelServer, eventually

Publish = Callable[[str, Path], None]
X = {"x": np.array([2.0], np.float32)}


def config(
    name: str,
    base_path: Path,
    *,
    labels: Mapping[str, int] | None = None,
    keep: int = 1,
    specific: Sequence[int] = (),
) -> wire.ModelConfig:
    policy = wire.ServableVersionPolicy(latest=wire.ServableVersionPolicy.Latest(num_versions=keep))
    if specific:
        policy = wire.ServableVersionPolicy(specific=wire.ServableVersionPolicy.Specific(versions=specific))
    return wire.ModelConfig(
        name=name,
        base_path=str(base_path),
        model_platform="tensorflow",
        model_version_policy=policy,
        version_labels=labels,
    )


def reload(server: ModelServer, *models: wire.ModelConfig, timeout_s: float = 60) -> None:
    models_list = wire.ModelConfigList(config=models)
    server.client.reload(wire.ModelServerConfig(model_config_list=models_list), timeout_s=timeout_s)


def answer(server: ModelServer, spec: ModelSpec) -> tuple[int, float]:
    prediction = server.client.predict(spec, X, timeout_s=60)
    return prediction.version, float(prediction.outputs["y"][0])


def resident_mb(server: ModelServer) -> float:
    """Memory in use by the process."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "m"
    folder.mkdir()
    return folder


def test_good_new_version_replaces_the_old_one_under_load_without_a_failure(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("half_plus_two", base / "1")
    reload(lifecycle_server, config("swap", base))
    answers: list[tuple[int, float]] = []
    failures: list[ServingError] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(answer(lifecycle_server, ModelSpec("swap")))
            except ServingError as failure:
                failures.append(failure)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        publish("half_plus_three", base / "2")
        eventually(lambda: lifecycle_server.states("swap") == {2: "AVAILABLE", 1: "END"})
        before = len(answers)
        eventually(lambda: len(answers) > before + 20)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert failures == []
    assert set(answers) == {(1, 3.0), (2, 4.0)}


def test_good_request_in_flight_finishes_on_the_version_it_started_with(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("toolbox", base / "1")
    reload(lifecycle_server, config("slow", base))
    idle = lifecycle_server.cpu_ticks()
    with ThreadPoolExecutor(4) as pool:
        call = lifecycle_server.client.predict
        slow = [pool.submit(call, ModelSpec("slow"), X, signature="slow", timeout_s=120) for _ in range(4)]
        eventually(lambda: lifecycle_server.cpu_ticks() > idle + 20, what="the slow requests run")
        publish("half_plus_three", base / "2")
        eventually(lambda: lifecycle_server.states("slow") == {2: "AVAILABLE", 1: "END"})
        assert [one.result().version for one in slow] == [1, 1, 1, 1]


def test_bad_version_shows_its_error_and_leaves_the_good_one_serving(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("half_plus_two", base / "1")
    reload(lifecycle_server, config("bad", base))
    (base / "2").mkdir()
    eventually(lambda: lifecycle_server.states("bad") == {2: "END", 1: "AVAILABLE"})
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "bad"
    request.model_spec.version.value = 2
    (failed,) = lifecycle_server.models.GetModelStatus(request).model_version_status
    assert error_codes_pb2.Code.Name(failed.status.error_code) == "NOT_FOUND"
    expected = f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {base / '2'}. Check that "
    assert failed.status.error_message.startswith(expected)
    assert answer(lifecycle_server, ModelSpec("bad")) == (1, 3.0)
    publish("half_plus_three", base / "3")
    eventually(lambda: lifecycle_server.states("bad") == {3: "AVAILABLE", 2: "END", 1: "END"})


def test_bad_damaged_version_ends_with_an_error(lifecycle_server: ModelServer, base: Path, publish: Publish) -> None:
    publish("half_plus_two", base / "1")
    (base / "2").mkdir()
    (base / "2" / "saved_model.pb").write_bytes(b"not a SavedModel")
    with pytest.raises(
        ServingError, match=r"1 model\(s\) did not become available: {{{name: damaged version: 2} due to"
    ):
        reload(lifecycle_server, config("damaged", base))
    assert lifecycle_server.client.status(ModelSpec("damaged", version=2))[0].error


def test_good_deleted_versions_are_unloaded_and_may_return(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("half_plus_two", base / "1")
    publish("half_plus_three", base / "2")
    reload(lifecycle_server, config("deleted", base))
    shutil.rmtree(base / "2")
    eventually(lambda: lifecycle_server.states("deleted") == {2: "END", 1: "AVAILABLE"})
    shutil.rmtree(base / "1")
    eventually(lambda: lifecycle_server.states("deleted") == {2: "END", 1: "END"})
    with pytest.raises(ServableNotFound, match=r"Servable not found for request: Latest\(deleted\)"):
        answer(lifecycle_server, ModelSpec("deleted"))
    publish("half_plus_four", base / "1")
    eventually(lambda: lifecycle_server.states("deleted") == {2: "END", 1: "AVAILABLE"})
    assert answer(lifecycle_server, ModelSpec("deleted")) == (1, 5.0)


def test_good_reload_adds_models_and_drops_those_left_out(
    lifecycle_server: ModelServer, base: Path, publish: Publish, tmp_path: Path
) -> None:
    publish("half_plus_two", base / "1")
    reload(lifecycle_server, config("first", base))
    reload(lifecycle_server, config("second", base))
    assert answer(lifecycle_server, ModelSpec("second")) == (1, 3.0)
    eventually(lambda: lifecycle_server.states("first") == {1: "END"})
    with pytest.raises(ServableNotFound, match=r"Latest\(first\)"):
        answer(lifecycle_server, ModelSpec("first"))


def test_good_specific_versions_serve_as_they_come_and_several_latest_side_by_side(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("half_plus_two", base / "1")
    publish("half_plus_three", base / "2")
    reload(lifecycle_server, config("chosen", base, specific=[1, 3]))
    assert answer(lifecycle_server, ModelSpec("chosen")) == (1, 3.0)
    assert lifecycle_server.states("chosen") == {1: "AVAILABLE"}
    publish("half_plus_four", base / "3")
    eventually(lambda: lifecycle_server.states("chosen") == {3: "AVAILABLE", 1: "AVAILABLE"})
    reload(lifecycle_server, config("chosen", base, keep=2))
    eventually(lambda: lifecycle_server.states("chosen") == {3: "AVAILABLE", 2: "AVAILABLE", 1: "END"})
    assert [answer(lifecycle_server, ModelSpec("chosen", version=number))[1] for number in (2, 3)] == [4.0, 5.0]


def test_good_model_that_left_the_list_returns(lifecycle_server: ModelServer, base: Path, publish: Publish) -> None:
    publish("half_plus_two", base / "1")
    reload(lifecycle_server, config("comes and goes", base))
    for _ in range(3):
        reload(lifecycle_server)
        reload(lifecycle_server, config("comes and goes", base))
        assert answer(lifecycle_server, ModelSpec("comes and goes")) == (1, 3.0)


def test_good_hundred_models_load_from_one_list(
    lifecycle_server: ModelServer, tmp_path: Path, saved_models: Path
) -> None:
    names = [f"model{number}" for number in range(100)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").symlink_to(saved_models / "half_plus_two")
    reload(lifecycle_server, *(config(name, tmp_path / name) for name in names))
    assert {answer(lifecycle_server, ModelSpec(name)) for name in names} == {(1, 3.0)}
    reload(lifecycle_server)
    eventually(lambda: all(lifecycle_server.states(name) == {1: "END"} for name in names))


def test_good_twenty_swaps_in_a_row_leave_the_memory_as_it_was(
    lifecycle_server: ModelServer, base: Path, saved_models: Path
) -> None:
    """Every third version is bad: what it had loaded until it failed must go as well."""
    broken = base.parent / "broken"
    shutil.copytree(saved_models / "toolbox", broken)
    record(broken, "nosig")

    def swap(version: int) -> None:
        bad = version % 3 == 0
        (base / str(version)).symlink_to(broken if bad else saved_models / "toolbox")
        reload(lifecycle_server, config("swaps", base, specific=[version] if not bad else [version - 1, version]))
        eventually(lambda: lifecycle_server.states("swaps")[version] == ("END" if bad else "AVAILABLE"))
        assert answer(lifecycle_server, ModelSpec("swaps"))[0] == version - bad

    for version in range(1, 8):
        swap(version)
    before_mb = resident_mb(lifecycle_server)
    for version in range(8, 28):
        swap(version)
    # The heap breathes by a megabyte or two; a version that stays behind is at least as large in each swap.
    assert resident_mb(lifecycle_server) < before_mb + 10


def test_bad_reload_changes_nothing(lifecycle_server: ModelServer, base: Path, publish: Publish) -> None:
    publish("half_plus_two", base / "1")
    good = config("kept", base)
    reload(lifecycle_server, good)
    unsupported = config("kept2", base)
    unsupported.model_platform = "foo"
    with pytest.raises(InvalidRequest, match="Illegal to list model kept multiple times in config list"):
        reload(lifecycle_server, good, good)
    with pytest.raises(InvalidRequest, match="Model kept2 requests unsupported platform foo"):
        reload(lifecycle_server, good, unsupported)
    assert answer(lifecycle_server, ModelSpec("kept")) == (1, 3.0)


def test_bad_reload_of_a_missing_base_path_waits_until_the_deadline(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    with pytest.raises(DeadlineExceeded):
        reload(lifecycle_server, config("nowhere", base / "missing"), timeout_s=1)
    publish("half_plus_two", base / "1")
    reload(lifecycle_server, config("somewhere", base))
    assert answer(lifecycle_server, ModelSpec("somewhere")) == (1, 3.0)


def test_good_label_moves_once_the_version_serves_and_bad_before(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("half_plus_two", base / "1")
    refused = "Request to assign label to version 1 of model labels, which is not currently available for inference"
    with pytest.raises(PreconditionFailed, match=refused):
        reload(lifecycle_server, config("labels", base, labels={"stable": 1}))
    reload(lifecycle_server, config("labels", base, keep=2))
    reload(lifecycle_server, config("labels", base, keep=2, labels={"stable": 1}))
    publish("half_plus_three", base / "2")
    with pytest.raises(PreconditionFailed, match="label to version 9 of model labels"):
        reload(lifecycle_server, config("labels", base, keep=2, labels={"stable": 9}))
    eventually(lambda: lifecycle_server.states("labels") == {2: "AVAILABLE", 1: "AVAILABLE"})
    assert answer(lifecycle_server, ModelSpec("labels", label="stable")) == (1, 3.0)
    reload(lifecycle_server, config("labels", base, keep=2, labels={"stable": 2}))
    assert answer(lifecycle_server, ModelSpec("labels", label="stable")) == (2, 4.0)


def test_bad_rest_call_that_takes_too_long_is_given_up(
    lifecycle_server: ModelServer, base: Path, publish: Publish
) -> None:
    publish("toolbox", base / "1")
    reload(lifecycle_server, config("late", base))
    body = {"signature_name": "slow", "instances": [1.0]}
    response = requests.post(f"{lifecycle_server.url}/late:predict", json=body, timeout=60)
    assert response.status_code == 504
    assert response.json()["error"]


def record(version: Path, signature: str, *, alias: str = "x") -> None:
    """Writes a warm-up request into a version directory that nobody reads yet."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "warm"
    request.model_spec.signature_name = signature
    request.inputs[alias].CopyFrom(tf.make_tensor_proto(X["x"]))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    folder = version / "assets.extra"
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())


def test_good_warmup_requests_are_replayed_before_a_version_serves(
    lifecycle_server: ModelServer, base: Path, saved_models: Path
) -> None:
    shutil.copytree(saved_models / "half_plus_two", base / "1")
    record(base / "1", "serving_default")
    reload(lifecycle_server, config("warm", base))
    assert "warmed up warm version 1 with 1 requests" in lifecycle_server.log.read_text()


def test_bad_warmup_request_fails_the_load(lifecycle_server: ModelServer, base: Path, saved_models: Path) -> None:
    shutil.copytree(saved_models / "half_plus_two", base / "1")
    record(base / "1", "nosig")
    with pytest.raises(ServingError, match='Serving signature key "nosig" not found'):
        reload(lifecycle_server, config("cold", base))


def test_bad_warmup_file_fails_the_load(lifecycle_server: ModelServer, base: Path, saved_models: Path) -> None:
    shutil.copytree(saved_models / "half_plus_two", base / "1")
    (base / "1" / "assets.extra").mkdir()
    (base / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"x" * 100)
    with pytest.raises(ServingError, match="Please verify your warmup data is in TFRecord format"):
        reload(lifecycle_server, config("torn", base))
