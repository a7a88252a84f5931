"""When what was written is synced, under the loop that brokers run on."""

import os
from pathlib import Path

import uvloop

from server.audit.syncing import Position, Syncer, Timing


def test_what_is_due_at_once_is_synced_like_what_is_due_later(tmp_path: Path) -> None:
    """As it is where the sync before took longer than what came meanwhile may wait."""

    async def written(handle: int) -> Position:
        syncer = Syncer(handle, Position(0, b""), None, Timing(after=0.0))
        for number in (1, 2):
            os.write(handle, b"x")
            syncer.wrote(Position(number, b""))
        await syncer.wait()
        await syncer.stop()
        return syncer.durable

    handle = os.open(tmp_path / "written", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        assert uvloop.run(written(handle)) == Position(2, b"")
    finally:
        os.close(handle)
