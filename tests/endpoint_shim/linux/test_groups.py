"""Groups of processes, the sure kind and the weaker one: nothing of a command escapes its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint_shim.groups import Group
from endpoint_shim.linux import cgroup
from endpoint_shim.linux.groups import join_group, open_groups
from endpoint_shim.linux.tree import Tree

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(600)
"""


def started(group: Group) -> "subprocess.Popen[bytes]":
    with group.inside():
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", DAEMON], stdout=subprocess.PIPE, start_new_session=True
        )
    group.add(process.pid)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


def ended(group: Group) -> bool:
    """Whether the group empties; the looks are what is waited with."""
    for _ in range(500):
        if not group.members():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    """A worker's own cgroup, given back at the end."""
    groups = cgroup.cgroups(tmp_path)
    if isinstance(groups, str):
        pytest.skip(groups)
    worker = groups.worker(1)
    alone = subprocess.Popen(["/bin/sleep", "600"])
    worker.add(alone.pid)
    yield worker.place
    worker.kill()
    alone.wait(5)
    assert ended(worker) and worker.remove()
    groups.close()


def test_a_command_ends_whole_with_its_daemon_and_its_worker_lives(place: str) -> None:
    here = Path("/proc/self/cgroup").read_text()
    worker = cgroup.worker_group(place)
    mount = cgroup.mount_point(Path("/proc/self/mountinfo").read_text())
    assert mount is not None
    # This process plays the worker, but goes home to the cgroup that it really stands in.
    home = mount / cgroup.own_cgroup(here)
    command = cgroup.Cgroup(Path(place) / "c12", home, Path(place).parent / "left")
    process = started(command)
    assert len(command.members()) == 2 and os.getpid() not in command.members()
    assert Path("/proc/self/cgroup").read_text() == here
    command.kill()
    process.wait(5)
    assert ended(command) and command.remove()
    assert len(worker.members()) == 1


def test_what_is_left_outlives_the_workers_end(place: str) -> None:
    worker = cgroup.worker_group(place)
    process = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    command = worker.under("c1")
    command.add(process.pid)
    command.leave()
    worker.kill()
    assert ended(worker) and process.poll() is None
    process.kill()
    process.wait(5)


def test_a_start_ends_what_an_earlier_run_left_and_not_what_was_let_go(tmp_path: Path) -> None:
    groups = open_groups(tmp_path)
    if groups.weaker_stop:
        pytest.skip(groups.weaker_stop)
    old = subprocess.Popen(["/bin/sleep", "600"])
    let_go = subprocess.Popen(["/bin/sleep", "600"])
    groups.worker(3).under("c1").add(old.pid)
    groups.worker(4).add(let_go.pid)
    groups.worker(4).leave()
    open_groups(tmp_path).end_leftovers()
    assert old.wait(5) == -signal.SIGKILL
    assert let_go.poll() is None
    let_go.kill()
    let_go.wait(5)
    groups.end_leftovers()
    groups.close()


def test_two_state_folders_have_two_trees(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    places = {open_groups(folder).worker(1).place for folder in (tmp_path, tmp_path / "b")}
    assert len(places) == 2 or places == {""}


def test_mount_point_is_found_beside_version_1() -> None:
    listing = (
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
    )
    assert cgroup.mount_point(listing) == Path("/sys/fs/cgroup/unified")
    assert cgroup.mount_point("31 23 0:28 / / rw - ext4 x rw\n") is None
    assert cgroup.own_cgroup("8:pids:/\n0::/system.slice/x\n") == "system.slice/x"


SUBREAPER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.endpoint_shim.linux.test_groups import weaker_end
weaker_end()
"""


def weaker_end() -> None:
    """Run in a process of its own, which becomes a subreaper."""
    command = join_group("").under("c1")
    process = started(command)
    assert len(command.members()) == 2, command.members()
    command.kill()
    process.wait(5)
    while command.members():
        os.waitpid(-1, os.WNOHANG)
    assert isinstance(command, Tree) and command.remove()
    print("ended")


def test_without_cgroups_a_daemon_is_found_by_its_subreaper() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SUBREAPER], capture_output=True, text=True, timeout=30
    )
    assert answer.stdout.endswith("ended\n"), answer.stderr


def test_two_folders_that_have_one_path_have_two_trees(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    first = cgroup.cgroups(state)
    state.rename(tmp_path / "elsewhere")
    state.mkdir()
    second = cgroup.cgroups(state)
    if isinstance(first, str) or isinstance(second, str):
        pytest.skip(str(first))
    try:
        assert first.worker(1).place != second.worker(1).place
    finally:
        first.close()
        second.close()
