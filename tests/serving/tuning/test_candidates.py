"""What is tried, and that model servers understand it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.model_server import command_line
from serving.model_server.batching.parameters import read_batching_parameters
from serving.tuning import candidates
from serving.tuning.candidate import BASELINE, GRPC_THREADS, TWIN, Batching, Candidate
from serving.tuning.candidates import Scene, nice_us

SCENES = st.builds(Scene, st.integers(1, 64), st.integers(1, 64), st.integers(1, 2048), st.floats(0.05, 5000))


def all_of(scene: Scene) -> list[Candidate]:
    found = [*candidates.threads(scene), *candidates.batching(BASELINE, scene)]
    return [*found, *(one for best in found for one in candidates.finer(best, scene))]


@settings(max_examples=40)
@given(SCENES)
def test_a_batch_never_becomes_smaller_than_the_largest_call_of_a_gateway(scene: Scene) -> None:
    batching = [one.batching for one in all_of(scene) if one.batching]
    assert batching
    assert min(one.size for one in batching) >= scene.least_size


@settings(max_examples=40)
@given(SCENES)
def test_a_batch_is_not_larger_than_what_the_clients_have_in_flight(scene: Scene) -> None:
    largest = max(one.batching.size for one in all_of(scene) if one.batching)
    assert largest <= max(scene.least_size, scene.most_rows)


@settings(max_examples=40)
@given(SCENES)
def test_the_baseline_is_not_tried_again_under_another_name(scene: Scene) -> None:
    defaults = {BASELINE, TWIN, Candidate(scene.cpus, scene.cpus)}
    tried = candidates.threads(scene)
    finer = [other for one in tried for other in candidates.finer_threads(one, scene)]
    assert not defaults & {*tried, *finer}
    assert len(set(tried)) == len(tried)


@settings(max_examples=40)
@given(SCENES)
def test_threads_are_at_least_one_of_each_kind(scene: Scene) -> None:
    for one in all_of(scene):
        assert (one.intra_op, one.inter_op) == (0, 0) or min(one.intra_op, one.inter_op) >= 1
        assert one.batching is None or one.batching.threads >= 1


def test_what_is_tried_next_differs_from_the_best_in_one_thing() -> None:
    best = Candidate(1, 8, Batching(64, 1000, 8))
    for one in candidates.finer(best, Scene(8, 32, 256, 10.0)):
        assert one.batching
        assert best.batching
        changed = [
            (one.intra_op, one.inter_op) != (1, 8),
            one.batching.size != 64,
            one.batching.timeout_us != 1000,
            one.batching.threads != 8,
            one.batching.padded,
        ]
        assert sum(changed) == 1, one


def test_without_a_best_nothing_lies_around_it() -> None:
    scene = Scene(8, 32, 256, 10.0)
    assert candidates.finer(BASELINE, scene) == []
    assert candidates.finer_threads(BASELINE, scene) == []


@pytest.mark.parametrize(("asked", "nice"), [(0.0, 10), (14, 10), (16, 20), (480, 500), (2400, 2000), (1e9, 100_000)])
def test_timeouts_are_round_numbers(asked: float, nice: int) -> None:
    assert nice_us(asked) == nice


@pytest.mark.parametrize("batching", [Batching(32, 0, 2), Batching(48, 2000, 1, padded=True), Batching(1, 10, 4)])
def test_the_model_server_reads_the_batching_parameters(batching: Batching, tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text(batching.to_text())

    read = read_batching_parameters(file)

    assert (read.max_batch_size, round(read.batch_timeout_s * 1e6)) == (batching.size, batching.timeout_us)
    assert (read.num_batch_threads, read.max_enqueued_batches) == (batching.threads, GRPC_THREADS)
    assert list(read.allowed_batch_sizes) == batching.allowed_sizes


def test_padding_is_to_powers_of_two_and_to_the_largest_batch() -> None:
    assert Batching(48, 0, 1, padded=True).allowed_sizes == [1, 2, 4, 8, 16, 32, 48]
    assert Batching(32, 0, 1, padded=True).allowed_sizes == [1, 2, 4, 8, 16, 32]
    assert Batching(32, 0, 1).allowed_sizes == []


def test_the_model_server_takes_every_flag(tmp_path: Path) -> None:
    flags = Candidate(1, 4, Batching(32, 0, 2)).flags(tmp_path / "batching.config")
    parsed = command_line.parse(["--model_base_path=/models/digits", *flags])

    assert (parsed.tensorflow_intra_op_parallelism, parsed.tensorflow_inter_op_parallelism) == (1, 4)
    assert parsed.enable_batching
    assert parsed.batching_parameters_file == str(tmp_path / "batching.config")


def test_the_baseline_has_no_flags(tmp_path: Path) -> None:
    assert BASELINE.flags(tmp_path) == TWIN.flags(tmp_path) == []
