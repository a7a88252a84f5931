"""When a line reaches the person."""

from server.doors.notices import Notices


class Glass:
    def __init__(self) -> None:
        self.above: list[str] = []
        self.now: list[str] = []
        self.reading = False
        self.notices = Notices(self.above.append, self.now.append, lambda: self.reading)


def test_while_a_command_runs_they_wait_for_the_prompt() -> None:
    glass = Glass()
    glass.notices.tell("web-01 lost 14:22:07Z")
    assert glass.above == glass.now == []
    glass.notices.flush()
    assert glass.above == ["web-01 lost 14:22:07Z"]
    glass.reading = True
    glass.notices.tell("web-01 back 14:23:41Z")
    assert glass.above[1:] == ["web-01 back 14:23:41Z"]


def test_what_cannot_wait_is_told_at_once() -> None:
    glass = Glass()
    glass.notices.tell("session ends in 5 min: idle")
    glass.notices.tell("journal stalled: nothing is shown until it is written")
    assert len(glass.now) == 2


def test_a_flood_of_them_is_held_in_bounded_memory() -> None:
    glass = Glass()
    for number in range(5000):
        glass.notices.tell(f"line {number}")
    glass.notices.flush()
    assert len(glass.above) == 1000
