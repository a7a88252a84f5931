"""What runs, in words; and which of it started since a moment."""

from endpoint_shim.linux.enforcement import MAX_LISTED
from endpoint_shim.linux.proc import TICKS
from endpoint_shim.linux.running import since, told
from endpoint_shim.linux.starters import Running

SECOND = 1_000_000_000


def test_what_started_after_the_moment_is_told_unknown_first() -> None:
    early, late = Running(1, TICKS, b"/usr/bin/a", True), Running(2, 9 * TICKS, b"/usr/bin/b", True)
    evil = Running(3, 9 * TICKS, b"/tmp/x", False)
    assert since([early, late, evil], 5 * SECOND, set()) == [evil, late]


def test_what_became_another_program_meanwhile_is_told_whenever_it_started() -> None:
    before, became = Running(1, TICKS, b"/opt/a", False), Running(2, TICKS, b"/tmp/x", False)
    assert since([before, became], 5 * SECOND, {(1, TICKS)}) == [became]


def test_processes_of_one_program_are_one_line() -> None:
    lines = told("runs", [Running(pid, 0, b"/opt/a", False) for pid in range(1, 8)])
    assert lines == ["/opt/a (pid 1, 2, 3, 4, 5, …) runs"]


def test_more_programs_than_can_be_listed_are_a_number() -> None:
    lines = told("runs", [Running(pid, 0, b"/opt/%d" % pid, False) for pid in range(100)])
    assert len(lines) == MAX_LISTED + 1 and lines[-1].startswith(f"{100 - MAX_LISTED} more")
