"""Jobs in Windows itself: they list what was started in them, and end it whole."""

import subprocess
import sys

import psutil
import pytest

from commands.language.errors import Refused
from endpoint_shim.windows.jobs import Job

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


def test_nothing_leaves_a_job() -> None:
    with pytest.raises(Refused, match="never leaves"):
        Job().leave()
