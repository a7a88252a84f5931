"""Stages and stops as they are typed."""

import pytest

from commands.language.errors import NotUnderstood
from server.live.staging import ALL_AT_ONCE, Stop, staging


def test_without_either_all_go_and_nothing_stops_them() -> None:
    assert staging(None, None) == ALL_AT_ONCE


def test_stages_end_with_all_and_the_first_failure_stops_them() -> None:
    made = staging("1, 10,ALL", None)
    assert made.sizes == (1, 10)
    assert made.stop is not None and made.stop.reached(1, 1000)
    assert not made.stop.reached(0, 1000)


@pytest.mark.parametrize(
    ("text", "failed", "of", "reached"),
    [
        ("3", 2, 100, False),
        ("3", 3, 100, True),
        ("5%", 4, 100, False),
        ("5%", 5, 100, True),
        ("5%", 0, 12, False),
        ("5%", 1, 12, True),
        ("0.1%", 1, 10_000, False),
        ("100%", 99, 100, False),
        ("100%", 100, 100, True),
    ],
)
def test_a_stop_is_a_count_or_a_share_of_all(
    text: str, failed: int, of: int, reached: bool
) -> None:
    stop = staging(None, text).stop
    assert isinstance(stop, Stop)
    assert stop.reached(failed, of) == reached


@pytest.mark.parametrize(
    "text", ["", "all", "1", "1,10", "0,all", "-1,all", "1;all", "all,1", "٣,all"]
)
def test_stages_that_are_none_are_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood, match="-stage is like 1,10,all"):
        staging(text, None)


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "five", "-1", "5 %", "٣%"])
def test_stops_that_are_none_are_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood, match="-stop is like 5% or 3"):
        staging(None, text)
