"""Workers that do not end: killed, or let go where the kernel holds them."""

import asyncio
import itertools
import os
import time
from pathlib import Path

import pytest

from commands.language import wire
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.silent_mount import silent_mount
from tests.endpoint_shim.test_supervisor import TOKEN, Shim, opened, start, workers_of
from tests.endpoint_shim.waiting import until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="mounting needs root and FUSE"
)


async def test_a_command_in_a_silent_mount_is_let_go_and_the_mount_is_refused_at_once(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    line.say(wire.Open(session="S1", stream="S1.w2", token=TOKEN))
    warm, _ = await door.stream()
    with silent_mount(tmp_path / "silent") as mount:
        inside = str(tmp_path / "silent/deep/x")
        peer.say(start(1, {"word": "getfile", "path": inside}))
        assert await asyncio.to_thread(mount.asked.wait, 10)
        line.say(wire.Cancel(stream="S1.w1", number=1))
        gone = await line.next(wire.Gone)
        assert gone.how == "kernel" and f"on {mount.place}" in gone.message, gone
        warm.say(start(2, {"word": "getfile", "path": inside}))
        _, done = await warm.until_done()
        assert done.code == "refused" and "does not answer" in done.message
        line.say(wire.End(session="S1"))
        ended = await line.next(wire.Ended)
        assert any("hangs in the kernel" in one for one in ended.left)
        held = Path(f"/proc/{gone.message.split()[1]}")
        assert held.exists()
    await until(lambda: not held.exists())
    line.say(wire.Begin(session="S2"))
    line.say(wire.Open(session="S2", stream="S2.w1", token=TOKEN))
    again, _ = await door.stream()
    deadline = time.monotonic() + 20
    for number in itertools.count(1):  # its end is told a moment after it is to be seen
        again.say(start(number, {"word": "getfile", "path": inside}))
        _, done = await again.until_done()
        if done.code != "refused" or time.monotonic() > deadline:
            break
    assert done.code == "failed", done


async def test_a_fifth_command_is_not_started_while_four_hang(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    line.say(wire.Begin(session="S1"))
    with silent_mount(tmp_path / "silent"):
        for number in range(1, 5):
            stream = f"S1.w{number}"
            line.say(wire.Open(session="S1", stream=stream, token=TOKEN))
            peer, _ = await door.stream()
            peer.say(start(1, {"word": "getfile", "path": str(tmp_path / f"silent/{number}")}))
        workers = workers_of(shim)
        await until(lambda: all(waits_in_kernel(pid) for pid in workers))
        for number in range(1, 5):
            line.say(wire.Cancel(stream=f"S1.w{number}", number=1))
        assert {(await line.next(wire.Gone)).how for _ in range(4)} == {"kernel"}
        line.say(wire.Open(session="S1", stream="S1.w9", token=TOKEN))
        fifth = await line.next(wire.Gone)
        assert (fifth.how, fifth.stream) == ("never", "S1.w9")
        assert "4 commands hang in the kernel" in fifth.message
    await until(lambda: workers_of(shim) == [])
    line.say(wire.Open(session="S1", stream="S1.w10", token=TOKEN))
    await door.stream()


def waits_in_kernel(pid: int) -> bool:
    """Whether a thread of it waits for FUSE: in state D only once it was told to die."""
    for one in Path(f"/proc/{pid}/task").iterdir():
        state = (one / "stat").read_text().rpartition(")")[2].split()[0]
        if state == "D" or "request_wait_answer" in (one / "wchan").read_text():
            return True
    return False
