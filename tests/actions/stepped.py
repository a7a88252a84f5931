"""Doubles of what a broker and its device stand on, so that each step between is the test's."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec

from commands.language import wire_contain as wire
from endpoint_shim import guard_state
from server.actions.action import Action
from server.actions.desired import Wish
from server.audit.action_records import ActionChanged
from server.store.schema import MIGRATIONS


class Disk:
    """A double of store and journal: one commit for all that waits, when the test says so."""

    def __init__(self) -> None:
        self.tables = sqlite3.connect(":memory:", isolation_level=None)
        for script in MIGRATIONS:
            self.tables.executescript(script)
        self.records: list[ActionChanged] = []

    def wishes(self) -> dict[str, Wish]:
        rows = self.tables.execute("SELECT what, value FROM wishes")
        return {what: msgspec.json.decode(value, type=Wish) for what, value in rows}

    def rows(self) -> dict[int, Action]:
        rows = self.tables.execute("SELECT id, value FROM actions ORDER BY id")
        return {number: msgspec.json.decode(value, type=Action) for number, value in rows}


class Life:
    """The broker's way to its disk, from a start to a kill."""

    def __init__(self, disk: Disk, loop: asyncio.AbstractEventLoop) -> None:
        self.disk, self._loop, self.killed = disk, loop, False
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[Any]]] = []
        self.broker = SimpleNamespace(submit=self._record, append=self._append)

    async def room(self) -> None:
        return

    async def read(self, select: Callable[[sqlite3.Connection], Any]) -> Any:
        return select(self.disk.tables)

    def submit(self, write: Callable[[sqlite3.Connection], Any]) -> "asyncio.Future[Any]":
        return self._later(lambda: write(self.disk.tables))

    def _record(self, body: ActionChanged) -> tuple[None, "asyncio.Future[Any]"]:
        return None, self._later(lambda: self.disk.records.append(body))

    async def _append(self, body: object) -> None:
        return

    def _later(self, work: Callable[[], object]) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any] = self._loop.create_future()
        if not self.killed:
            self._waiting.append((work, done))
        return done

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def write(self) -> None:
        """All that waits is one commit."""
        waiting, self._waiting = self._waiting, []
        for work, _ in waiting:
            work()
        for _, done in waiting:
            if not done.done():
                done.set_result(None)


class Wire:
    """One line of the device, as the broker has it; what it sent stays under way on its own."""

    def __init__(self, life: Life, down: list[wire.Want]) -> None:
        self._life, self._down, self.up = life, down, True

    def send(self, want: wire.Want) -> None:
        if self._life.killed or not self.up:
            return
        durable = self._life.disk.wishes()
        for what in ("isolation", "restriction"):
            sent, wish = getattr(want, what), durable.get(what, Wish())
            if sent is not None:
                assert sent.generation <= wish.generation, f"{what}: sent before it was durable"
                on = sent.on if what == "restriction" else sent.scope != "none"
                assert sent.generation < wish.generation or on == wish.on
        self._down.append(want)

    async def lives(self) -> bool:
        await asyncio.sleep(0)
        return self.up


class Device:
    """What the device keeps, does and says; a kill of it loses what it was about to say."""

    def __init__(self) -> None:
        self.wanted = wire.Want()
        self.isolation = wire.Isolated(generation=0)
        self.restriction = wire.Restricted(generation=0)
        self.said: set[tuple[str, int, bool]] = set()
        """What it said that it is, by the wish's generation."""

    def hear(self, want: wire.Want) -> None:
        self.wanted = guard_state.merged(self.wanted, want)

    def enforce(self, *, fails: bool = False) -> None:
        wish, now = self.wanted.isolation, self.isolation
        if wish is not None and wish.generation > now.generation:
            table = f"table {wish.generation}" if wish.scope != "none" else ""
            proof = hashlib.sha256(table.encode()).hexdigest() if table else ""
            self.isolation = wire.Isolated(
                generation=wish.generation, scope=wish.scope, table=table, table_sha256=proof
            )
            if fails:
                self.isolation = msgspec.structs.replace(
                    now, generation=wish.generation, stage="failed", error="no way", ended_by=""
                )
        other, then = self.wanted.restriction, self.restriction
        if other is not None and other.generation > then.generation:
            proof = "a" * 64 if other.on else ""
            self.restriction = wire.Restricted(
                generation=other.generation, on=other.on, by="fanotify", proof_sha256=proof
            )

    def time_is_over(self) -> None:
        wish = self.wanted.isolation
        if wish is None or wish.ttl_s is None or wish.generation != self.isolation.generation:
            return
        if self.isolation.stage == "done" and self.isolation.scope != "none":
            self.isolation = wire.Isolated(generation=wish.generation, ended_by="ttl")

    def says(self) -> wire.Contained:
        if self.isolation.stage == "done":
            on = self.isolation.scope != "none"
            self.said.add(("isolation", self.isolation.generation, on))
            if self.isolation.ended_by:  # and so it had been
                self.said.add(("isolation", self.isolation.generation, True))
        self.said.add(("restriction", self.restriction.generation, self.restriction.on))
        return wire.Contained(isolation=self.isolation, restriction=self.restriction)
