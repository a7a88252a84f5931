"""Jobs in Windows itself: they list what was started in them, and end it whole."""

import subprocess
import sys

import psutil

from endpoint_shim.windows.jobs import Job, Jobs
from endpoint_shim.windows.kernel import close

CHILD = "import subprocess, sys; print(1, flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys
sys.stdin.readline()
words = [sys.executable, "-c", {CHILD!r}]
child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def started() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def grandchild(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdin and process.stdout
    process.stdin.write(b"go\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def test_what_a_member_starts_is_a_member() -> None:
    job = Job()
    with started() as process:
        job.add(process.pid)
        pid = grandchild(process)
        assert {process.pid, pid} <= set(job.members())
        job.kill()
    assert process.returncode == 1


def test_kill_ends_grandchildren_and_the_empty_job_is_given_up() -> None:
    job = Job()
    with started() as process:
        job.add(process.pid)
        pid = grandchild(process)
        assert not job.remove()
        job.kill()
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid)
    assert job.members() == []
    assert job.remove()
    assert job.members() == []


def test_a_commands_job_ends_without_its_workers() -> None:
    worker = Job()
    command = worker.under("c1")
    with started() as process:
        worker.add(process.pid)
        pid = grandchild(process)
        command.add(pid)
        command.kill()
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
        assert process.poll() is None
        assert process.pid in worker.members() and pid not in worker.members()
        worker.kill()


def test_a_process_that_ended_already_is_no_error() -> None:
    with started() as process:
        process.kill()
    Job().add(999_996)


def test_what_is_left_outlives_its_job_and_what_was_not_left_does_not() -> None:
    left, kept = Job(), Job()
    with started() as one, started() as other:
        left.add(one.pid)
        kept.add(other.pid)
        left.leave()
        assert left.members() == [] and left.remove()
        close(kept._handle or 0)
        assert other.wait(10) == 0
        assert one.poll() is None
        one.kill()


def test_only_a_workers_job_lets_a_process_be_started_outside() -> None:
    breakaway = subprocess.CREATE_BREAKAWAY_FROM_JOB
    child = f"subprocess.run([sys.executable, '-c', ''], creationflags={breakaway})"
    for job, ends in ((Jobs().worker(1), 0), (Job(), 1)):
        words = [sys.executable, "-c", f"import subprocess, sys; sys.stdin.readline(); {child}"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            job.add(process.pid)
            _, said = process.communicate(b"go\n", timeout=60)
        assert process.returncode == ends, said
