"""Workers that do not end: killed, or let go where the kernel holds them."""

import asyncio
import os
from pathlib import Path

import pytest

from commands.language import wire
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.silent_mount import silent_mount
from tests.endpoint_shim.test_supervisor import TOKEN, Shim, opened, start

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
        assert any("waits in the kernel" in one for one in ended.left)
        assert Path(f"/proc/{gone.message.split()[1]}").exists()
    line.say(wire.Begin(session="S2"))
    line.say(wire.Open(session="S2", stream="S2.w1", token=TOKEN))
    again, _ = await door.stream()
    again.say(start(1, {"word": "getfile", "path": inside}))
    assert (await again.until_done())[1].code == "failed"
