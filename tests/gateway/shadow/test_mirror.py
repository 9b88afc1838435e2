"""Which requests are copied to the shadow version, and what is counted of them."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import numpy as np
import pytest

from contract.card import ImageSpec
from gateway.shadow import lane
from gateway.upstream.breaker import MAX_FAILURES_IN_A_ROW
from tests.gateway.conftest import png
from tests.gateway.fake_serving import DIGITS, Outputs, card
from tests.gateway.observe.samples import samples
from tests.gateway.shadow.conftest import Shadowed
from tests.processes import wait_until


def nans(outputs: Outputs) -> Outputs:
    """An answer of no numbers."""
    return {"probabilities": np.full_like(outputs["probabilities"], np.nan)}


def one_short(outputs: Outputs) -> Outputs:
    """An answer with a class too few."""
    return {"probabilities": outputs["probabilities"][:, 1:]}


def mirrored(outputs: Outputs) -> Outputs:
    """The probabilities back to front."""
    return {"probabilities": outputs["probabilities"][:, ::-1]}


def test_every_answered_request_is_copied_and_compared(shadowed: Shadowed) -> None:
    shadowed.start()
    for _ in range(5):
        assert shadowed.classify(png(0), png(255)).json()["model"]["version"] == 1
    shadowed.wait_for("ok", 5)
    assert shadowed.counted("pictures_total", agrees="true") == 10
    assert shadowed.counted("pictures_total", agrees="false") == 0
    assert shadowed.counted("difference_count") == 10
    assert shadowed.counted("difference_sum") == 0
    assert shadowed.counted("seconds_count", side="version") == 5
    assert shadowed.counted("seconds_count", side="shadow") == 5


def test_a_copys_call_can_be_found_by_the_requests_id_and_is_no_call_of_users(shadowed: Shadowed) -> None:
    shadowed.start()
    request_id = shadowed.classify().headers["X-Request-Id"]
    shadowed.wait_for("ok", 1)
    ((signature, pictures, metadata),) = shadowed.asked(2)
    assert (signature, pictures, metadata["x-request-id"]) == ("serving_default", 1, request_id)
    found = samples(shadowed.client.get("/metrics").content)
    assert found['vitrine_upstream_batch_pictures_count{model="digits"}'] == 1
    assert not [name for name in found if name.startswith("vitrine_images_total") and 'version="2"' in name]


def test_an_answer_by_another_class_is_a_disagreement(shadowed: Shadowed) -> None:
    shadowed.whims().outputs = mirrored
    shadowed.start()
    shadowed.classify(png(0), png(255), png(130))
    shadowed.wait_for("ok", 1)
    assert shadowed.counted("pictures_total", agrees="false") == 3
    assert shadowed.counted("difference_sum") == pytest.approx(3 * 2 * (0.9 - 0.1 / 9) / 10)


def test_labels_in_another_order_are_compared_by_name(shadowed: Shadowed) -> None:
    shadowed.serving.models["digits"].cards[2] = card(labels=DIGITS[::-1])
    shadowed.whims().outputs = mirrored
    shadowed.start()
    shadowed.classify(png(0), png(255))
    shadowed.wait_for("ok", 1)
    assert shadowed.counted("pictures_total", agrees="true") == 2
    assert shadowed.counted("difference_sum") == 0


def test_a_shadow_that_takes_other_pictures_gets_those(shadowed: Shadowed) -> None:
    shadowed.serving.models["digits"].cards[2] = card(image=ImageSpec(16, 12, 3))
    shadowed.start()
    for count in (1, 2):
        shadowed.classify(png(255), png(40, 300))
        shadowed.wait_for("ok", count)
    assert shadowed.counted("pictures_total", agrees="true") == 4


def test_bad_pictures_are_left_out(shadowed: Shadowed) -> None:
    shadowed.start()
    shadowed.classify(b"none", png(9), b"")
    shadowed.wait_for("ok", 1)
    assert shadowed.counted("pictures_total", agrees="true") == 1
    assert [count for _, count, _ in shadowed.asked(2)] == [1]


@pytest.mark.parametrize("query", ["?version=1", "?label=stable", "?explain=true"])
def test_who_chose_a_version_or_wants_heatmaps_is_not_copied(shadowed: Shadowed, query: str) -> None:
    shadowed.start()
    shadowed.classify(query=query)
    last = shadowed.classify().headers["X-Request-Id"]
    shadowed.wait_for("ok", 1)
    assert [metadata["x-request-id"] for _, _, metadata in shadowed.asked(2)] == [last]


def test_the_shadows_own_answers_are_not_copied(shadowed: Shadowed) -> None:
    shadowed.release(shadow=1)
    shadowed.start()
    shadowed.classify()
    shadowed.release(shadow=2)
    shadowed.classify()
    shadowed.wait_for("ok", 1)
    assert shadowed.outcomes("ok", shadow=1) == 0
    assert len(shadowed.asked(1)) == 2


def test_lines_that_stream_are_copied_too(shadowed: Shadowed) -> None:
    shadowed.start()
    shadowed.classify(png(0), png(255), query="?format=ndjson")
    shadowed.wait_for("ok", 1)
    assert shadowed.counted("pictures_total", agrees="true") == 2


def test_a_share_of_none_copies_none(shadowed: Shadowed) -> None:
    shadowed.release(shadow_percent=0)
    shadowed.start()
    shadowed.classify()
    shadowed.release(shadow_percent=100)
    shadowed.classify()
    shadowed.wait_for("ok", 1)
    assert len(shadowed.asked(2)) == 1


@pytest.mark.parametrize("whim", [nans, one_short])
def test_an_answer_without_sense_is_a_failure(shadowed: Shadowed, whim: object) -> None:
    shadowed.whims().outputs = whim  # type: ignore[assignment]
    shadowed.start()
    for _ in range(3):
        shadowed.classify()
    shadowed.wait_for("failed", 3)
    assert shadowed.outcomes("ok") == 0
    assert shadowed.counted("difference_count") == 0


def test_a_shadow_that_is_not_loaded_fails_alone_and_says_so_once(
    shadowed: Shadowed, caplog: pytest.LogCaptureFixture
) -> None:
    del shadowed.serving.models["digits"].cards[2]
    shadowed.start()
    with caplog.at_level(logging.WARNING, "gateway.shadow"):
        for _ in range(3):
            shadowed.classify()
        shadowed.wait_for("failed", 3)
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("gateway.shadow")]
    assert line.startswith("shadow digits version 2 failed: ServableNotFound: ")


@pytest.mark.parametrize("fault", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE])
def test_a_shadow_that_breaks_does_not_make_the_model_server_look_away(
    shadowed: Shadowed, fault: grpc.StatusCode
) -> None:
    shadowed.start()
    shadowed.classify()
    shadowed.wait_for("ok", 1)
    shadowed.whims().fault = fault
    for count in range(MAX_FAILURES_IN_A_ROW):
        shadowed.classify()
        shadowed.wait_for("failed", count + 1)
    assert samples(shadowed.client.get("/metrics").content)["vitrine_breaker_open{}"] == 0


def test_a_model_server_without_room_is_not_the_shadows_failure(shadowed: Shadowed) -> None:
    shadowed.start()
    shadowed.whims().fault = grpc.StatusCode.RESOURCE_EXHAUSTED
    shadowed.classify()
    shadowed.wait_for("dropped", 1)
    assert shadowed.outcomes("failed") == 0


def test_a_shadow_that_hangs_holds_its_places_and_no_more(shadowed: Shadowed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "MOST_WAITING", 10)
    hung = shadowed.whims()
    hung.hold.clear()
    shadowed.start(VITRINE_SHADOW_INFLIGHT="2")
    for _ in range(15):
        shadowed.classify()
    shadowed.wait_for("dropped", 3)
    assert shadowed.outcomes("dropped") == 3
    # The second copy waits for company, as users' pictures do while calls are short.
    assert len(shadowed.asked(2)) == 1
    hung.hold.set()
    shadowed.wait_for("ok", 12)


def test_a_shadow_that_does_not_answer_in_time_failed(shadowed: Shadowed) -> None:
    hung = shadowed.whims()
    hung.hold.clear()
    shadowed.start(VITRINE_TIMEOUT_S="0.3")
    for _ in range(3):
        shadowed.classify()
    # Those that waited behind it are let go, and while it is left alone none are taken in.
    shadowed.wait_for("failed", 1)
    shadowed.wait_for("dropped", 2)
    shadowed.classify()
    assert shadowed.outcomes("dropped") == 3
    hung.hold.set()


def test_another_shadow_takes_over_from_one_that_hangs_and_its_copies_count_for_nothing(shadowed: Shadowed) -> None:
    hung = shadowed.whims()
    hung.hold.clear()
    shadowed.start()
    for _ in range(10):
        shadowed.classify()
    wait_until(lambda: bool(shadowed.asked(2)), what="a copy under way")
    shadowed.release(shadow=3)
    shadowed.classify()
    shadowed.wait_for("ok", 1, shadow=3)
    hung.hold.set()
    assert [shadowed.outcomes(outcome) for outcome in ("ok", "failed", "dropped")] == [0, 0, 0]


@pytest.mark.parametrize("state", [{"shadow": None}, {"shadow": 2, "shadow_percent": 0}])
def test_a_shadow_that_is_given_up_is_asked_no_more(shadowed: Shadowed, state: dict[str, Any]) -> None:
    hung = shadowed.whims()
    hung.hold.clear()
    shadowed.start()
    for _ in range(5):
        shadowed.classify()
    wait_until(lambda: bool(shadowed.asked(2)), what="a copy under way")
    shadowed.release(**state)
    hung.hold.set()
    wait_until(lambda: shadowed.held_bytes == 0, what="the end of its copies")
    shadowed.release(shadow=3)
    shadowed.classify()
    shadowed.wait_for("ok", 1, shadow=3)
    assert len(shadowed.asked(2)) == 1


def test_the_end_is_quick_and_quiet_while_copies_are_under_way(
    shadowed: Shadowed, caplog: pytest.LogCaptureFixture
) -> None:
    hung = shadowed.whims()
    hung.hold.clear()
    shadowed.start()
    for _ in range(5):
        shadowed.classify()
    wait_until(lambda: bool(shadowed.asked(2)), what="a copy under way")
    with caplog.at_level(logging.WARNING):
        shadowed.client.__exit__()
    hung.hold.set()
    assert caplog.records == []


def test_what_does_not_fit_into_the_bytes_set_aside_is_dropped(shadowed: Shadowed) -> None:
    shadowed.start(VITRINE_SHADOW_BYTES="5000")
    shadowed.classify()
    shadowed.wait_for("ok", 1)
    shadowed.classify(*[png(0)] * 60)
    shadowed.wait_for("dropped", 1)
    shadowed.classify()
    shadowed.wait_for("ok", 2)


def test_pixels_that_do_not_fit_into_the_bytes_set_aside_are_dropped(shadowed: Shadowed) -> None:
    shadowed.serving.models["digits"].cards[2] = card(image=ImageSpec(100, 100, 3))
    shadowed.start(VITRINE_SHADOW_BYTES="20000")
    shadowed.classify()
    shadowed.wait_for("dropped", 1)
    assert shadowed.asked(2) == []
