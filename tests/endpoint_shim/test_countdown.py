"""Time that is left, over restarts of the guard and of the system, with clocks that jump."""

from hypothesis import given
from hypothesis import strategies as st

from endpoint_shim.countdown import Countdown

SECONDS = st.floats(0, 1e6)


def test_it_runs_on_while_the_guard_is_away() -> None:
    assert Countdown(7200.0, 100.0).left(3700.0) == 3600.0
    assert Countdown(7200.0, 100.0).left(9000.0) == 0.0


def test_a_system_that_started_anew_goes_on_from_what_was_kept() -> None:
    kept = Countdown(7200.0, 5000.0).kept(6000.0)
    assert kept == Countdown(6200.0, 6000.0)
    assert kept.left(30.0) == 6170.0  # up for half a minute


@given(left=SECONDS, at=SECONDS, steps=st.lists(st.tuples(st.booleans(), SECONDS), max_size=20))
def test_it_never_ends_before_that_much_was_run(
    left: float, at: float, steps: list[tuple[bool, float]]
) -> None:
    """Whatever the sequence of restarts: what ran off is never more than what was run."""
    countdown, now, run = Countdown(left, at), at, 0.0
    for restart, seconds in steps:
        now = seconds if restart else now + seconds
        run += seconds
        countdown = countdown.kept(now)
        assert countdown.left_s >= left - run - 1e-3
        assert countdown.left_s <= left


@given(left=SECONDS, at=SECONDS, seconds=SECONDS)
def test_without_a_restart_it_is_exact(left: float, at: float, seconds: float) -> None:
    assert abs(Countdown(left, at).left(at + seconds) - max(0.0, left - seconds)) < 1e-3
