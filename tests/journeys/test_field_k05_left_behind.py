"""Field reports k05: time-outs, and what a script leaves running."""

import re
import time

import psutil

from tests.journeys.field import Field
from tests.journeys.rig import until


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def pid_in(text: str) -> int:
    found = re.search(r"\d+", text)
    assert found is not None, text
    return int(found[0])


def test_grandchild_pipe_run_returns_when_the_script_ends_and_lists_the_child(
    field: Field,
) -> None:
    began = time.monotonic()
    ran = field.script("grandchild.sh", "exec -a keeper sleep 600 &\necho started $!\n")
    assert ran.status == 0 and time.monotonic() - began < 20
    child = pid_in(ran.out)
    assert re.fullmatch(
        rf"it had left running and these were ended: {child} \S+ "
        r"\(started \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)\n",
        ran.err,
    )
    until("the child is gone", lambda: gone(child))


def test_grandchild_pipe_a_time_out_ends_the_whole_tree(field: Field) -> None:
    ran = field.script(
        "tree.sh", "(setsid sleep 600 & echo $!) \nsleep 601\n", "-timeout 0.5 -grace 5"
    )
    assert ran.status == 124
    assert (
        ran.err
        == "timed out: run on web-01: tree.sh was ended after 0.5 s, with all it had started\n"
    )
    child = pid_in(ran.out)
    until("the daemon is gone", lambda: gone(child))


def test_ignore_term_is_killed_after_its_grace_and_that_is_said(field: Field) -> None:
    ran = field.script(
        "deaf.sh",
        "trap '' TERM INT HUP\necho $$\nwhile :; do sleep 1; done\n",
        "-timeout 0.5 -grace 0.5",
    )
    assert ran.status == 124
    assert ran.err == (
        "timed out: run on web-01: deaf.sh did not end when asked after 0.5 s; it was killed "
        "0.5 s later, with all it had started\n"
    )
    assert gone(pid_in(ran.out))


def test_start_process_what_a_script_detached_is_listed_and_may_be_left(field: Field) -> None:
    body = "nohup setsid sleep 600 >/dev/null 2>&1 &\nsleep .3; pgrep -n -x sleep\n"
    ran = field.script("detach.sh", body, "-leave")
    worker = pid_in(ran.out)
    try:
        assert re.match(rf"left running, as asked: {worker} sleep \(started ", ran.err), ran.err
        assert not gone(worker)
    finally:
        psutil.Process(worker).kill()
