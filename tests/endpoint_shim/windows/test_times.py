"""FILETIMEs as milliseconds since 1970."""

from endpoint_shim.windows.times import time_of


def test_the_first_of_1970() -> None:
    assert time_of(116_444_736_000_000_000) == 0
    assert time_of(116_444_736_010_000_000) == 1000


def test_none_is_no_time() -> None:
    assert time_of(0) is None


def test_times_outside_any_calendar_are_numbers_all_the_same() -> None:
    assert time_of(1) == -11_644_473_600_000
    assert time_of(2**63 - 1) == (2**63 - 1) // 10_000 - 11_644_473_600_000
