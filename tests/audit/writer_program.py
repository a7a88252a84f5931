"""A broker that only journals, to be killed: prints what was acknowledged, one line each."""

import asyncio
import sys
from pathlib import Path

from server.audit.chunks import Kind
from server.audit.journal import Journal
from server.audit.records import CommandTyped, Note, SessionOpened, Started
from server.store.sqlite import Store


async def main(state: Path) -> None:
    store = await Store.open(state / "fireline.db")
    journal = await Journal.open(store, state)
    await journal.recover("again")
    opened = SessionOpened(
        "alice", "k", "127.0.0.1", "d1", "web-02", "console", "c", "", "advanced", "r"
    )
    session = await journal.open_session(opened)
    await session.append(CommandTyped(1, "shell", {}, "shell", "console"))
    await session.append(Started(1, "t1", True))
    result = session.result(1)
    session.incoming(1, "mem.dmp").write_bytes(b"half")

    async def write(number: int) -> None:
        count = 0
        while True:
            count += 1
            appended = await session.append(Note(f"{number} {count}"))
            session.recording.write(Kind.OUTPUT, 1, b"line %d\r\n" % count)
            result.write(Kind.ROW, b'{"count":%d}' % count)
            # One write of a short line to a pipe is whole or not there.
            sys.stdout.write(f"{session.id} {appended.seq} {session.recording.position.offset}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write(number) for number in range(8)))


asyncio.run(main(Path(sys.argv[1])))
