"""Logins under way and the sources that failed."""

from server.doors.limits import DoorLimits, Knocking, source_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_more_logins_are_under_way_than_one_source_and_all_may_have() -> None:
    knocking = Knocking(DoorLimits(logins=3, logins_per_source=2), Clock())
    assert knocking.enter("a") is None
    assert knocking.enter("a") is None
    assert "from your address" in str(knocking.enter("a"))
    assert knocking.enter("b") is None
    assert "too many logins" in str(knocking.enter("c"))
    knocking.leave("a")
    assert knocking.enter("c") is None


def test_a_source_that_fails_waits_longer_each_time_up_to_a_bound() -> None:
    knocking = Knocking(DoorLimits(first_delay=1, longest_delay=5), Clock())
    waits = []
    for _ in range(6):
        waits.append(knocking.delay("a"))
        knocking.failed("a")
    assert waits == [0, 1, 2, 4, 5, 5]
    assert knocking.delay("b") == 0


def test_a_failure_is_forgotten_and_a_login_halves_what_is_held_against_it() -> None:
    clock = Clock()
    knocking = Knocking(DoorLimits(first_delay=1, longest_delay=100), clock)
    for _ in range(4):
        knocking.failed("a")
    knocking.succeeded("a")
    assert knocking.delay("a") == 2
    clock.now = 601
    assert knocking.delay("a") == 0


def test_a_flood_of_sources_is_kept_in_bounded_memory() -> None:
    knocking = Knocking(DoorLimits(), Clock())
    for number in range(10_000):
        knocking.failed(str(number))
    assert len(knocking._failed) <= 4096
    assert knocking.delay("9999") > 0


def test_an_ipv6_host_is_one_source_however_many_addresses_it_uses() -> None:
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert source_of("::ffff:192.0.2.1") == source_of("192.0.2.1") == "192.0.2.1"
    assert source_of("fe80::1%eth0") == "fe80::/64"
    assert source_of("?") == "?"
