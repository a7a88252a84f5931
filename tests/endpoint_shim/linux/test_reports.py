"""What was held back, merged and bounded, through a real socket."""

import os
import socket

from endpoint_shim.linux.enforcement import LONGEST, Blocked, from_enforcer
from endpoint_shim.linux.reports import MOST, OTHERS, Reports


def sent(reports: Reports) -> list[Blocked]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found = []
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        while reports:
            reports.send(ours)
            while True:
                try:
                    message = from_enforcer.decode(theirs.recv(LONGEST))
                except BlockingIOError:
                    break
                assert isinstance(message, Blocked)
                found.append(message)
    return found


def test_the_same_thing_is_one_line_with_its_number() -> None:
    reports = Reports()
    for _ in range(1000):
        reports.blocked(b"/tmp/x", "unknown", os.getpid())
    reports.blocked(b"/tmp/x", "for another reason", os.getpid())
    found = sent(reports)
    assert [one.times for one in found] == [1000, 1]
    assert f"(pid {os.getpid()}) asked" in found[0].text and not found[0].started


def test_more_than_can_be_kept_is_counted() -> None:
    reports = Reports()
    for number in range(5 * MOST):
        reports.blocked(b"/tmp/%d" % number, "unknown", 0)
        reports.started(b"/tmp/%d" % number, "unread")
    found = sent(reports)
    assert len(found) <= MOST + 2
    assert sum(one.times for one in found) == 10 * MOST
    assert {one.started for one in found if one.text.startswith(OTHERS)} == {True, False}


def test_a_name_that_is_no_text_is_shown_and_a_long_one_by_its_end() -> None:
    reports = Reports()
    reports.blocked(b"/tmp/\x1b[2J\xff", "unknown", 0)
    reports.blocked(b"/" + b"n" * 4000 + b"/end", "unknown", 0)
    first, second = (one.text for one in sent(reports))
    assert "\x1b" not in first and first.isascii()
    assert "/end was not started" in second and len(second) < 1024
