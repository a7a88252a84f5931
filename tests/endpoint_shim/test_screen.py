"""A real shell tied to its stream: bytes both ways, size, flood, passwords, end."""

import asyncio
import re

from commands.language import items, wire
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.test_supervisor import Shim, opened, start

SHELL = {"word": "shell"}


async def shell(door: Door) -> tuple[Peer, Peer]:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, SHELL, columns=101, rows=33, input=True))
    return line, peer


async def shown(peer: Peer, wanted: bytes) -> bytes:
    """What the terminal showed, up to `wanted`."""
    seen = b""
    async with asyncio.timeout(20):
        while wanted not in seen:
            seen += await peer.next(bytes)
    return seen


async def test_what_is_typed_runs_and_its_exit_code_comes_back(door: Door, shim: Shim) -> None:
    _, peer = await shell(door)
    peer.send_binary(b"echo $((6*7)); stty size\n")
    assert b"42" in await shown(peer, b"33 101")
    peer.say(wire.Resize(columns=70, rows=20))
    peer.send_binary(b"stty size\n")
    await shown(peer, b"20 70")
    peer.send_binary(b"exit 5\n")
    assert (await peer.until_done())[1] == items.Done(exit_code=5)


async def test_a_password_prompt_is_told(door: Door, shim: Shim) -> None:
    _, peer = await shell(door)
    peer.send_binary(b"read -s -p pass: x; echo; echo got $x\n")
    assert await peer.next(wire.Quiet) == wire.Quiet(on=True)
    peer.send_binary(b"secret\n")
    await shown(peer, b"got secret")
    peer.send_binary(b"read -s -p again: x\n")
    # Off again in between, or it could not be told anew.
    assert await peer.next(wire.Quiet) in (wire.Quiet(on=False), wire.Quiet(on=True))


async def test_a_flood_without_acknowledgements_stops_and_its_interrupt_still_arrives(
    door: Door, shim: Shim
) -> None:
    _, peer = await shell(door)
    peer.acknowledging = False
    peer.send_binary(b"yes\n")
    seen = 0
    while seen < wire.SHOWN_WINDOW:
        seen += len(await peer.next(bytes))
    peer.send_binary(b"\x03")
    peer.acknowledging = True
    peer.say(wire.Ack(frames=peer.got.said()))
    peer.send_binary(b"echo do''ne\n")
    await shown(peer, b"done")


async def test_a_broken_stream_resumes_with_every_byte(door: Door, shim: Shim) -> None:
    _, peer = await shell(door)
    peer.send_binary(b"for i in $(seq 1 40000); do echo line-$i; done; echo e''nd\n")
    seen = await shown(peer, b"line-50")
    peer.abort("a cable")
    while not isinstance(frame := await peer.came.get(), ConnectionError):
        seen += frame if isinstance(frame, bytes) else b""
    again, first = await door.stream()
    assert isinstance(first, wire.Resume) and first.frames == 2
    again.got.count = peer.got.count
    again.say(wire.Resumed(frames=peer.got.count))
    seen += await shown(again, b"end\r\n")
    numbers = [int(one) for one in re.findall(rb"line-(\d+)\r\n", seen)]
    assert numbers == list(range(1, 40001))


async def test_cancel_hangs_up_and_ends_what_the_shell_started(door: Door, shim: Shim) -> None:
    line, peer = await shell(door)
    peer.send_binary(b"nohup sleep 600 >/dev/null 2>&1 & echo pid=$!.\n")
    seen = await shown(peer, b"pid=")
    while not (found := re.search(rb"pid=(\d+)\.", seen)):
        seen += await peer.next(bytes)
    pid = int(found[1])
    line.say(wire.Cancel(stream="S1.w1", number=1))
    assert (await peer.until_done())[1].code == "cancelled"
    peer.say(start(2, {"word": "processes", "pid": pid}))
    rows, _ = await peer.until_done()
    # A zombie runs no more; whoever adopted it reaps it in its own time.
    live = [r for r in rows if isinstance(r, items.RowItem) and b"zombie" not in bytes(r.row)]
    assert live == []
