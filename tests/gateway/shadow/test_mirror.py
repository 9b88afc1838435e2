"""Which requests are copied to the shadow version, and what is counted of them."""

from __future__ import annotations

from tests.gateway.conftest import png
from tests.gateway.shadow.conftest import Shadowed


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
