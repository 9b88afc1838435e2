"""When the next copy may begin."""

from __future__ import annotations

from gateway.shadow.pace import MOST_PENANCE_S, MOST_REST_S, Pace


def test_with_no_user_about_copies_go_side_by_side_and_without_a_rest() -> None:
    pace = Pace(2)
    assert pace.may_begin(0.0, under_way=0, busy=False)
    assert pace.may_begin(0.0, under_way=1, busy=False)
    assert not pace.may_begin(0.0, under_way=2, busy=False)
    pace.ended(1.0, 1.0, strained=False)
    assert pace.may_begin(1.0, under_way=1, busy=False)


def test_beside_users_they_go_one_at_a_time_and_take_a_twentieth_of_the_time() -> None:
    pace = Pace(2)
    assert pace.may_begin(0.0, under_way=0, busy=True)
    assert not pace.may_begin(0.0, under_way=1, busy=True)
    pace.ended(10.0, 0.5, strained=False)
    assert not pace.may_begin(10.0 + 0.5 * 19 - 0.01, under_way=0, busy=True)
    assert pace.may_begin(10.0 + 0.5 * 19, under_way=0, busy=True)


def test_a_slow_copy_does_not_end_them_for_long() -> None:
    pace = Pace(1)
    pace.ended(0.0, 3600.0, strained=False)
    assert pace.may_begin(MOST_REST_S, under_way=0, busy=True)


def test_what_hangs_is_asked_more_and_more_rarely_and_at_once_again_when_it_answers() -> None:
    pace, now, rests = Pace(2), 0.0, []
    for _ in range(40):
        pace.ended(now, 10.0, strained=True)
        rest = next(rest for rest in range(1000) if pace.may_begin(now + rest, under_way=0, busy=False))
        rests.append(rest)
        now += rest
    assert rests[:4] == [20, 40, 80, MOST_PENANCE_S]
    assert set(rests[4:]) == {MOST_PENANCE_S}
    assert pace.may_begin(now, under_way=0, busy=True)
    pace.ended(now, 0.0, strained=False)
    assert pace.may_begin(now, under_way=0, busy=False)
