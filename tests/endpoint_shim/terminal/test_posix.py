"""A real shell on a real PTY, by callbacks."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from commands.language.names import Name
from endpoint_shim.groups import Group
from endpoint_shim.linux.groups import open_groups
from endpoint_shim.terminal.posix import PosixTerminals
from endpoint_shim.terminal.typed import KEEP


class Watcher:
    """What a terminal said, and a way to wait for it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.shown = bytearray()
        self.quiet: list[bool] = []
        self.writable = 0
        self._more = asyncio.Event()
        terminal.on_quiet = self._on_quiet
        terminal.on_writable = self._on_writable
        terminal.on_output = self._on_output

    def _on_output(self, data: bytes) -> None:
        self.shown += data
        self._more.set()

    def _on_quiet(self, on: bool) -> None:
        self.quiet.append(on)
        self._more.set()

    def _on_writable(self) -> None:
        self.writable += 1
        self._more.set()

    def type(self, line: str) -> None:
        assert self.terminal.write(line.encode() + b"\r")

    async def until(self, pattern: bytes) -> "re.Match[bytes]":
        async with asyncio.timeout(20):
            while not (found := re.search(pattern, self.shown)):
                await self.turn()
            return found

    async def turn(self) -> None:
        self._more.clear()
        await self._more.wait()


@pytest.fixture
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    worker = open_groups(tmp_path_factory.mktemp("state")).worker(1)
    yield worker
    worker.kill()
    while not worker.remove():
        os.sched_yield()


@pytest.fixture
async def shell(group: Group, tmp_path: Path) -> AsyncIterator[Watcher]:
    watcher = Watcher(await PosixTerminals(group, Name(str(tmp_path))).open(100, 30))
    watcher.type("PS1='at> '; echo rea''dy")
    await watcher.until(rb"ready\r\n")
    yield watcher
    watcher.terminal.hang_up()
    group.kill()
    await watcher.terminal.wait()


async def test_it_is_a_login_shell_in_the_folder_with_a_clean_environment(
    shell: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.type("shopt -q login_shell && echo lo''gin $0 $TERM $LANG $PWD; tty; env | wc -l")
    found = await shell.until(rb"login (\S+) xterm-256color C.UTF-8 (\S+)\r\n(/dev/pts/\d+)\r\n")
    assert found[1].startswith(b"-") and found[2] == os.fsencode(tmp_path)
    assert os.getcwd() != str(tmp_path)


async def test_job_control_works_and_ctrl_c_ends_only_what_stands_in_front(shell: Watcher) -> None:
    shell.type("echo no''w; cat")
    await shell.until(rb"now\r\n")
    shell.type("mirror")
    await shell.until(rb"mirror\r\n.*mirror\r\n")
    shell.terminal.write(b"\x03")
    await shell.until(rb"\^C[^a]*at> ")  # what is typed before the prompt is flushed by Ctrl-C
    shell.type("echo sta''tus $?")
    await shell.until(rb"status 130")


async def test_the_size_is_that_given_and_0_means_80_by_24(shell: Watcher) -> None:
    shell.type("stty size | tr ' ' x")
    await shell.until(rb"\r30x100\r\n")
    shell.terminal.resize(132, 50)
    shell.type("stty size | tr ' ' x")
    await shell.until(rb"\r50x132\r\n")
    shell.terminal.resize(0, 0)
    shell.type("stty size | tr ' ' x")
    await shell.until(rb"\r24x80\r\n")
    shell.terminal.resize(65_535, 65_535)
    shell.type("stty size | tr ' ' x")
    await shell.until(rb"\r1000x1000\r\n")


async def test_a_password_prompt_is_quiet_and_a_shell_prompt_is_not(shell: Watcher) -> None:
    assert shell.quiet == []
    shell.type("stty -echo; echo as''ked; read x; stty echo; echo do''ne")
    await shell.until(rb"asked")
    async with asyncio.timeout(10):
        while shell.quiet != [True]:
            await shell.turn()
    shell.type("secret")
    await shell.until(rb"done")
    async with asyncio.timeout(10):
        while shell.quiet != [True, False]:
            await shell.turn()
    assert b"secret" not in shell.shown


async def test_that_a_password_is_read_is_told_before_its_prompt(shell: Watcher) -> None:
    """Who reads the prompt may type at once, and is recorded by what was told till then."""
    told: list[list[bool]] = []

    def look(data: bytes) -> None:
        if b"asked" in data:
            told.append(list(shell.quiet))
        shell._on_output(data)

    shell.terminal.on_output = look
    shell.type("stty -echo; echo as''ked; read x; stty echo; echo do''ne")
    await shell.until(rb"asked")
    shell.type("secret")
    await shell.until(rb"done")
    assert told == [[True]]


async def test_the_status_is_the_shells_and_the_last_output_came_before_it(
    shell: Watcher,
) -> None:
    shell.type("seq 100000; echo la''st; exit 42")
    async with asyncio.timeout(20):
        assert await shell.terminal.wait() == 42
    assert b"\n100000\r\nlast\r\n" in shell.shown
    assert shell.terminal.write(b"dropped") is True
    shell.terminal.resize(80, 24)
    shell.terminal.pause()
    shell.terminal.resume()


async def test_a_daemon_that_keeps_the_terminal_does_not_keep_its_end(shell: Watcher) -> None:
    shell.type("(trap '' HUP; exec sleep 600) & disown; exit 3")
    async with asyncio.timeout(10):
        assert await shell.terminal.wait() == 3


async def test_a_closed_window_ends_the_shell(shell: Watcher) -> None:
    shell.terminal.hang_up()
    shell.terminal.hang_up()
    async with asyncio.timeout(10):
        assert await shell.terminal.wait() != 0


async def test_a_paste_of_16_mib_arrives_whole(shell: Watcher, tmp_path: Path) -> None:
    paste = os.urandom(1 << 20) * 16
    # Raw: a terminal in its usual mode gives some of these bytes a meaning of their own.
    shell.type(f"stty raw -echo; echo go''ing; head -c {len(paste)} | sha256sum; stty sane")
    await shell.until(rb"going")
    at = 0
    async with asyncio.timeout(60):
        while at < len(paste):
            took = shell.terminal.write(paste[at : at + 65_536])
            at += 65_536
            seen = shell.writable
            while not took and shell.writable == seen:
                await shell.turn()
    found = await shell.until(rb"([0-9a-f]{64})  -")
    assert found[1].decode() == hashlib.sha256(paste).hexdigest()
    assert shell.writable > 0


async def test_input_that_nobody_reads_is_bounded(shell: Watcher) -> None:
    shell.type("stty raw -echo; echo go''ing; sleep 600")
    await shell.until(rb"going")
    given = 0
    while shell.terminal.write(b"x" * 65_536):
        given += 65_536
    assert given <= 2 * KEEP
    with pytest.raises(Failed, match="full"):
        for _ in range(10):
            shell.terminal.write(b"x" * 65_536)


async def test_a_flood_stands_still_while_paused_and_ends_with_ctrl_c(shell: Watcher) -> None:
    shell.type("yes")
    await shell.until(rb"(y\r\n){1000}")
    shell.terminal.pause()
    before = len(shell.shown)
    for _ in range(50):
        await asyncio.to_thread(os.sched_yield)
    assert len(shell.shown) == before
    shell.terminal.resume()
    await shell.turn()
    assert len(shell.shown) > before
    shell.terminal.write(b"\x03")
    await shell.until(rb"\^C[^a]*at> ")
    shell.type("echo aft''er")
    await shell.until(rb"after\r\n")


async def test_output_that_was_paused_at_the_end_still_comes_before_the_status(
    shell: Watcher,
) -> None:
    shell.terminal.pause()
    shell.type("echo at the ve''ry end; exit 9")
    waiting = asyncio.create_task(shell.terminal.wait())
    await asyncio.wait({waiting}, timeout=1.0)
    assert not waiting.done()
    shell.terminal.resume()
    assert await waiting == 9
    assert b"at the very end" in shell.shown


async def test_a_folder_that_cannot_be_entered_is_no_reason_not_to_open(group: Group) -> None:
    watcher = Watcher(await PosixTerminals(group, Name("/nowhere/at/all")).open(0, 0))
    watcher.type("echo in $PWD; exit")
    assert await watcher.terminal.wait() == 0
    assert re.search(rb"in /\w*", watcher.shown)
