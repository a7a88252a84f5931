"""The player over a recording with long pauses: its times are the recording's own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from server.audit.chunks import Kind, genesis, pack
from server.doors.player import Played, Player

PIECES = [
    (Kind.MARKER, 600_000, b"#6 getfile"),
    (Kind.OUTPUT, 600_100, b"six\r\n"),
    (Kind.MARKER, 1_200_000, b"#7 dir"),
    (Kind.OUTPUT, 1_200_100, b"seven\r\n"),
    (Kind.OUTPUT, 1_800_000, b"last\r\n"),
]


def recording(path: Path) -> Path:
    chain, raw = genesis("S1"), b""
    for kind, ms, data in PIECES:
        chunk, chain = pack(kind, 0, ms, data, chain)
        raw += chunk
    path.write_bytes(raw)
    return path


async def played(
    path: Path, at_s: float, idle: float, press: Callable[[bytes], str | None]
) -> bytes:
    """What the player wrote, its keys pressed as `press` sees fit by what it has written."""
    written, grew = bytearray(), asyncio.Event()

    def write(data: bytes) -> None:
        written.extend(data)
        grew.set()

    async def drain() -> None:
        await asyncio.sleep(0)

    async def next_key() -> str:
        while (key := press(bytes(written))) is None:
            grew.clear()
            await grew.wait()
        return key

    keys: Callable[[], Awaitable[str]] = next_key
    what = Played(recording(path), "S1 vm", at_s, 1.0, idle, raw=False)
    async with asyncio.timeout(30):
        await Player(what, write, drain, keys, lambda: (80, 24)).run()
    return bytes(written)


def at_its_end(written: bytes) -> str | None:
    return "q" if b"stopped" in written else None


async def test_an_idle_limit_cuts_the_waiting_and_not_the_time_that_is_shown(
    tmp_path: Path,
) -> None:
    written = await played(tmp_path / "S1.rec", 0.0, 0.6, at_its_end)
    assert b"S1 vm  10:00 of 30:00  x1  #6 getfile" in written
    assert written.index(b"six") < written.index(b"seven") < written.index(b"last")
    assert b"S1 vm  30:00 of 30:00  stopped  #7 dir" in written


async def test_a_time_to_start_at_is_the_recordings_under_an_idle_limit_too(
    tmp_path: Path,
) -> None:
    written = await played(tmp_path / "S1.rec", 1199.0, 0.6, at_its_end)
    assert b"10:00 of" not in written
    assert b"20:00 of 30:00  x1  #7 dir" in written


async def test_a_jump_to_the_next_command_lands_on_it_under_an_idle_limit(
    tmp_path: Path,
) -> None:
    keys = [b"#6 getfile", b"stopped"]

    def press(written: bytes) -> str | None:
        if keys[0] not in written:
            return None
        return "]" if keys.pop(0) == b"#6 getfile" else "q"

    written = await played(tmp_path / "S1.rec", 0.0, 5.0, press)
    assert b"20:00 of 30:00  x1  #7 dir" in written
