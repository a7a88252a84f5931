"""How often something may come."""

from commands.language.rate import Rate


def test_so_many_at_once_and_then_only_as_many_as_time_gives_back() -> None:
    rate = Rate(3, 2.0)
    assert [rate.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [rate.take(101.0) for _ in range(3)] == [True, True, False]


def test_a_long_silence_gives_back_no_more_than_what_may_come_at_once() -> None:
    rate = Rate(3, 2.0)
    rate.take(0.0)
    assert [rate.take(1e6) for _ in range(4)] == [True, True, True, False]
