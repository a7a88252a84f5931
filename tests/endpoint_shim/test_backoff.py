"""Waiting before the next dial."""

from endpoint_shim.backoff import Backoff, jittered


def test_waits_double_stay_within_their_bounds_and_are_capped() -> None:
    backoff = Backoff()
    for length in (1, 2, 4, 8, 16, 32, 60, 60):
        assert length / 2 <= backoff.wait() <= length


def test_while_something_runs_no_wait_is_longer_than_that() -> None:
    backoff = Backoff()
    for length in (1, 2, 4, 5, 5, 5):
        assert length / 2 <= backoff.wait(5.0) <= length
    assert 16 <= backoff.wait() <= 60


def test_a_good_connection_starts_it_anew() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff.wait()
    backoff.reset()
    assert backoff.wait() <= 1


def test_jitter_differs_and_keeps_its_part() -> None:
    found = {jittered(25.0) for _ in range(50)}
    assert len(found) > 10 and all(20 <= one <= 30 for one in found)
