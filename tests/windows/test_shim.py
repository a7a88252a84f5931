"""The shim on Windows, whole: a real supervisor in Wine against a real door here."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from commands.language import items, wire
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door, Peer
from tests.windows.rig import Rig, WindowsProcess

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows")]

TOKEN = "t" * 32


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door, authority = Door(), Authority()
    authority.enrol(tmp_path / "state", await door.listen(authority, tmp_path))
    yield door
    assert door.server is not None
    door.server.close()


@pytest.fixture
async def shim(door: Door, windows: Rig, tmp_path: Path) -> AsyncIterator[WindowsProcess]:
    words = ["-I", "-m", "endpoint_shim", "run", "--state", windows.path(tmp_path / "state")]
    with (tmp_path / "shim.log").open("wb") as log:
        # Wine's Python takes no plain file as its output.
        process = windows.python(words, stdout=subprocess.DEVNULL)
        assert process.stderr
        passing = asyncio.create_task(asyncio.to_thread(_copy, process.stderr.fileno(), log))
        yield process
        process.kill()
        await passing
        process.end()


def _copy(source: int, log: Any) -> None:
    import os

    while some := os.read(source, 65_536):
        log.write(some)


def start(number: int, **command: object) -> wire.Start:
    return wire.Start(command=command, number=number, folder="C:\\")


async def opened(door: Door, line: Peer, stream: str = "S1.w1") -> Peer:
    line.say(wire.Begin(session="S1"))
    line.say(wire.Open(session="S1", stream=stream, token=TOKEN))
    peer, first = await door.stream()
    assert first == wire.Dialled(stream=stream, token=TOKEN)
    return peer


async def answered(peer: Peer, number: int, **command: object) -> tuple[list[Any], items.Done]:
    peer.say(start(number, **command))
    frames, done = await peer.until_done()
    rows = [json.loads(bytes(one.row)) for one in frames if isinstance(one, items.RowItem)]
    return rows, done


async def test_hello_says_that_this_is_windows(door: Door, shim: WindowsProcess) -> None:
    _, hello = await door.line()
    assert hello.facts.platform == "windows" and hello.facts.system.startswith("Windows 10")
    assert hello.facts.boot_ms > 0 and hello.facts.weaker_stop == ""
    assert {"processes", "dir"} <= set(hello.declarations)


async def test_processes_and_dir_answer_on_one_warm_stream(
    door: Door, shim: WindowsProcess
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    rows, done = await answered(peer, 1, word="processes")
    assert done == items.Done()
    workers = [row for row in rows if "endpoint_shim.worker" in (row["command_line"] or "")]
    assert len(workers) == 1 and workers[0]["name"] == "python.exe"
    assert TOKEN not in json.dumps(rows)
    rows, done = await answered(peer, 2, word="dir", path="windows")
    assert done == items.Done()
    assert "C:\\windows\\system32" in [row["path"] for row in rows if row["is_directory"]]


async def test_who_is_signed_in_is_reported(door: Door, shim: WindowsProcess) -> None:
    line, _ = await door.line()
    await opened(door, line)
    report = await line.next(wire.Report)
    assert report.facts is not None and report.facts.user


async def test_end_wipes_the_session_and_close_ends_its_worker(
    door: Door, shim: WindowsProcess, tmp_path: Path
) -> None:
    line, _ = await door.line()
    await opened(door, line)
    line.say(wire.Open(session="S1", stream="S1.w2", token=TOKEN))
    await door.stream()
    line.say(wire.Close(stream="S1.w2"))
    gone = await line.next(wire.Gone)
    assert (gone.stream, gone.how) == ("S1.w2", "ended")
    line.say(wire.End(session="S1"))
    assert await line.next(wire.Ended) == wire.Ended(session="S1")
    assert list((tmp_path / "state/sessions").iterdir()) == []


async def test_a_killed_supervisor_takes_its_workers_along(
    door: Door, shim: WindowsProcess
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    shim.terminate()
    async with asyncio.timeout(10):
        assert isinstance(await peer.came.get(), ConnectionError)


async def test_a_killed_worker_costs_its_own_command_only(
    door: Door, shim: WindowsProcess, windows: Rig
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    rows, _ = await answered(peer, 1, word="processes")
    worker = next(row for row in rows if "endpoint_shim.worker" in (row["command_line"] or ""))
    kill = f"import psutil; psutil.Process({worker['pid']}).kill()"
    assert (await asyncio.to_thread(windows.run, ["-c", kill])).returncode == 0
    gone = await line.next(wire.Gone)
    assert (gone.stream, gone.how) == ("S1.w1", "crashed")
    again = await opened(door, line, "S1.w3")
    assert (await answered(again, 2, word="processes"))[1] == items.Done()


async def test_a_second_shim_with_the_same_state_is_refused(
    door: Door, shim: WindowsProcess, windows: Rig, tmp_path: Path
) -> None:
    await door.line()
    words = ["-I", "-m", "endpoint_shim", "run", "--state", windows.path(tmp_path / "state")]
    done = await asyncio.to_thread(windows.run, words)
    assert done.returncode == 3 and b"a shim runs already" in done.stderr
