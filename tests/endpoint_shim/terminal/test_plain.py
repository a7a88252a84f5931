"""A real shell without a terminal: lines in, output and errors apart, its own status."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.host.terminal import Terminal
from commands.language.names import Name
from endpoint_shim.groups import Group
from endpoint_shim.linux.groups import open_groups
from endpoint_shim.linux.login import login
from endpoint_shim.terminal.posix import PosixTerminals
from endpoint_shim.terminal.typed import KEEP


class Heard:
    """What a shell said on its two outputs."""

    def __init__(self, shell: Terminal) -> None:
        self.shell, self.out, self.err = shell, bytearray(), bytearray()
        self.room = asyncio.Event()
        shell.on_output, shell.on_error = self.out.extend, self.err.extend
        shell.on_writable = self.room.set

    async def end(self) -> int:
        async with asyncio.timeout(20):
            return await self.shell.wait()


@pytest.fixture
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    worker = open_groups(tmp_path_factory.mktemp("state")).worker(1)
    yield worker
    worker.kill()
    while not worker.remove():
        os.sched_yield()


@pytest.fixture
async def heard(group: Group, tmp_path: Path) -> Heard:
    return Heard(await PosixTerminals(group, Name(str(tmp_path))).open_plain())


async def test_lines_run_with_output_and_errors_apart_and_the_shells_own_status(
    heard: Heard, tmp_path: Path
) -> None:
    heard.shell.write(b"pwd; echo no >&2; [ -t 0 ] || echo plain; exit 7\n")
    assert await heard.end() == 7
    assert heard.out == f"{tmp_path}\nplain\n".encode() and heard.err == b"no\n"


async def test_the_end_of_the_input_ends_the_shell(heard: Heard) -> None:
    heard.shell.write(b"cat\nlast words")
    heard.shell.end_input()
    assert await heard.end() == 0
    assert heard.out == b"last words"


async def test_more_than_its_pipe_takes_waits_and_arrives_whole(heard: Heard) -> None:
    data = os.urandom(4 * KEEP)
    waiting = asyncio.create_task(heard.end())
    heard.shell.write(b"sha256sum\n")
    for at in range(0, len(data), 65_536):
        heard.room.clear()
        if not heard.shell.write(data[at : at + 65_536]):
            await heard.room.wait()
    heard.shell.end_input()
    assert await waiting == 0
    assert heard.out.split()[0].decode() == hashlib.sha256(data).hexdigest()


async def test_hung_up_it_ends_and_what_it_had_started_with_it(heard: Heard, group: Group) -> None:
    started = asyncio.Event()
    heard.shell.on_output = lambda _: started.set()
    heard.shell.write(b"sleep 1000 & echo on; wait\n")
    waiting = asyncio.create_task(heard.end())
    async with asyncio.timeout(20):
        await started.wait()
    heard.shell.hang_up()
    assert await waiting < 0


async def test_one_line_runs_as_sshd_runs_it_and_ends_the_shell(
    group: Group, tmp_path: Path
) -> None:
    terminals = PosixTerminals(group, Name(str(tmp_path)))
    heard = Heard(await terminals.open_plain(b"pwd; echo $0 it\\'s >&2; cat; exit 6"))
    heard.shell.write(b"given")
    heard.shell.end_input()
    assert await heard.end() == 6
    assert heard.out == f"{tmp_path}\ngiven".encode()
    assert heard.err == f"{os.path.basename(login().shell)} it's\n".encode()


async def test_at_a_devices_own_login_it_begins_at_home(group: Group, tmp_path: Path) -> None:
    terminals = PosixTerminals(group, Name(str(tmp_path)))
    heard = Heard(await terminals.open_plain(b"pwd -P; [ $PWD = $HOME ] && echo home", home=True))
    assert await heard.end() == 0
    assert heard.out == f"{os.path.realpath(login().home)}\nhome\n".encode()


async def test_a_signal_reaches_the_group_of_the_line(group: Group, tmp_path: Path) -> None:
    terminals = PosixTerminals(group, Name(str(tmp_path)))
    heard = Heard(await terminals.open_plain(b"echo up; sleep 1000 & wait"))
    up = asyncio.Event()
    heard.shell.on_output = lambda _: up.set()
    ending = asyncio.create_task(heard.end())
    async with asyncio.timeout(20):
        await up.wait()
    heard.shell.signal("TERM")
    assert await ending == -signal.SIGTERM
