"""Terminals in Windows itself: cmd.exe on a ConPTY, and cmd.exe without one."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from commands.language.host.terminal import Terminal
from commands.language.names import from_text
from endpoint_shim.terminal.windows import WindowsTerminals
from endpoint_shim.windows.jobs import Job
from endpoint_shim.windows.kernel import ntdll

IN_WINE = hasattr(ntdll, "wine_get_version")
# Wine leaves a ConPTY's program without standard handles; this one opens the console for it.
PREFIX = (str(Path(sys.executable).with_name("ptyrun.exe")),) if IN_WINE else ()


class Shown:
    """What a terminal has shown, and waiting for it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.out, self.err = terminal, b"", b""
        self.notes: list[str] = []
        self._more = asyncio.Event()
        terminal.on_error = self._error
        terminal.on_note = self.notes.append
        terminal.on_output = self._output

    def _output(self, data: bytes) -> None:
        self.out += data
        self._more.set()

    def _error(self, data: bytes) -> None:
        self.err += data
        self._more.set()

    async def until(self, wanted: bytes | Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not (wanted() if callable(wanted) else wanted in self.out):
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def job() -> AsyncIterator[Job]:
    job = Job()
    yield job
    job.kill()


async def opened(job: Job, folder: Path) -> Shown:
    return Shown(await WindowsTerminals(job, from_text(str(folder)), PREFIX).open(90, 30))


async def test_what_is_typed_runs_and_the_shell_s_own_status_comes_back(
    job: Job, tmp_path: Path
) -> None:
    shown = await opened(job, tmp_path)
    await shown.until(f"{tmp_path}>".encode())
    shown.terminal.write(b"echo hel^lo\r")
    await shown.until(b"hello")
    shown.terminal.write(b"exit 7\r")
    async with asyncio.timeout(60):
        assert await shown.terminal.wait() == 7


async def test_characters_pass_both_ways_as_their_bytes(job: Job, tmp_path: Path) -> None:
    shown = await opened(job, tmp_path)
    await shown.until(b">")
    shown.terminal.write("echo gr^üße\r".encode())
    await shown.until("grüße".encode())
    text = "日本" * 20
    (tmp_path / "out.py").write_text(
        "import os\nfor n in range(1000): os.write(1, f'{n:04} " + text + "\\r\\n'.encode())",
        encoding="utf-8",
    )
    shown.terminal.write(f'chcp 65001 >nul & "{sys.executable}" -I out.py\r'.encode())
    await shown.until(b"0999")
    shown.terminal.write(b"exit\r")
    await shown.terminal.wait()
    lines = [line for line in shown.out.split(b"\n") if b"0" in line]
    assert b"\xef\xbf\xbd" not in shown.out and len(lines) >= 1000


async def test_the_shell_is_in_its_job_with_all_that_it_starts(job: Job, tmp_path: Path) -> None:
    shown = await opened(job, tmp_path)
    await shown.until(b">")
    shown.terminal.write(f'"{sys.executable}" -c "print(6*7); input()"\r'.encode())
    await shown.until(b"42")
    assert len(job.members()) >= 2
    shown.terminal.hang_up()
    job.kill()
    async with asyncio.timeout(30):
        await shown.terminal.wait()
    assert job.members() == []


async def test_a_paused_terminal_stops_its_program_and_goes_on_whole(
    job: Job, tmp_path: Path
) -> None:
    shown = await opened(job, tmp_path)
    await shown.until(b">")
    shown.terminal.pause()
    code = "import sys; [print('%07d' % n) for n in range(20000)]; print('end')"
    (tmp_path / "many.py").write_text(code)
    shown.terminal.write(f'"{sys.executable}" -I many.py\r'.encode())
    before = len(shown.out)
    await asyncio.sleep(1)
    assert len(shown.out) - before < 128 * 1024
    shown.terminal.resume()
    await shown.until(b"end\r\n")
    assert shown.out.count(b"\n") > 20_000
    shown.terminal.write(b"exit\r")
    await shown.terminal.wait()


async def test_a_resize_is_done_or_said_to_be_impossible(job: Job, tmp_path: Path) -> None:
    shown = await opened(job, tmp_path)
    shown.terminal.resize(100, 40)
    await shown.until(b">")
    assert (len(shown.notes) == 1) == IN_WINE
    shown.terminal.write(b"exit\r")
    await shown.terminal.wait()


async def test_lines_run_in_a_shell_without_a_terminal(job: Job, tmp_path: Path) -> None:
    shown = Shown(await WindowsTerminals(job, from_text(str(tmp_path)), ()).open_plain())
    shown.terminal.write(b"echo out\r\necho err 1>&2\r\ncd\r\nexi")
    shown.terminal.write(b"t 5\r\n")
    shown.terminal.end_input()
    async with asyncio.timeout(60):
        assert await shown.terminal.wait() == 5
    assert shown.out == f"out\r\n{tmp_path}\r\n".encode()
    assert shown.err.split() == [b"err"]


async def test_the_end_of_the_lines_is_the_end_of_the_shell(job: Job, tmp_path: Path) -> None:
    shown = Shown(await WindowsTerminals(job, from_text(str(tmp_path)), ()).open_plain())
    shown.terminal.write(b"echo only\r\n")
    shown.terminal.end_input()
    async with asyncio.timeout(60):
        assert await shown.terminal.wait() == 0
    assert b"only\r\n" in shown.out


@pytest.mark.parametrize("prefix", [PREFIX, None])
async def test_one_line_runs_as_it_was_given_and_its_status_is_the_shells(
    job: Job, tmp_path: Path, prefix: tuple[str, ...] | None
) -> None:
    terminals = WindowsTerminals(job, from_text(str(tmp_path)), prefix or ())
    line = b'echo "a b" & cd & exit 9'
    opening = terminals.open_plain(line) if prefix is None else terminals.open(90, 30, line)
    shown = Shown(await opening)
    async with asyncio.timeout(60):
        assert await shown.terminal.wait() == 9
    assert b'"a b"' in shown.out and str(tmp_path).encode() in shown.out
