"""Appending to one journal: sealed in order, acknowledged when durable."""

import asyncio
from typing import NamedTuple

from server.audit import clock
from server.audit.chain import ZEROS, seal
from server.audit.errors import NoSpace, RecordingBroken
from server.audit.records import Body
from server.store.sqlite import RecordRow, Store

PATIENCE_S = 1.5
"""A full disk gives its ballast back and takes the record within that time, or will not soon."""


NO_RECORD = "the broker's disk is full and takes no record of it; an operator makes room"


class Appended(NamedTuple):
    """Where a record came to stand."""

    seq: int
    hash: str


class JournalWriter:
    """The only writer of one journal."""

    def __init__(self, store: Store, journal: str, last: RecordRow | None = None) -> None:
        self.id = journal
        self.seq = last.seq if last else 0
        self.head = last.hash.hex() if last else ZEROS
        self._store = store
        self._ended = False

    async def append(self, body: Body) -> Appended:
        """Seal and store; returns when it is on the disk."""
        await self._store.room()
        appended, durable = self.submit(body)
        await durable
        return appended

    async def append_for_a_door(self, body: Body) -> Appended:
        """The same for somebody who stands at a door: where the disk stays full, NoSpace.

        The record keeps its place in the queue: who came is told of when there is space again.
        """
        if self._store.full and self._store.out_of_space:
            raise NoSpace(NO_RECORD)
        await self._store.room()
        appended, durable = self.submit(body)
        while not durable.done():
            await asyncio.wait({durable}, timeout=PATIENCE_S)
            if not durable.done() and self._store.out_of_space:
                durable.add_done_callback(lambda done: done.cancelled() or done.exception())
                raise NoSpace(NO_RECORD)
        durable.result()
        return appended

    def submit(self, body: Body) -> tuple[Appended, asyncio.Future[None]]:
        """Seal and queue without waiting: records submitted in one breath commit together."""
        if self._ended:
            raise RecordingBroken(f"the journal {self.id} has ended")
        kind = body.__struct_config__.tag
        line, digest = seal(self.id, self.seq + 1, clock.now(), body, self.head)
        durable = self._store.append(RecordRow(self.id, self.seq + 1, str(kind), line, digest))
        self.seq += 1
        self.head = digest.hex()
        return Appended(self.seq, self.head), durable

    def close(self) -> None:
        """Nothing may follow."""
        self._ended = True
