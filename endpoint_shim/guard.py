"""The guard: one process per device that keeps it as the broker wants it, isolated or restricted.

1. The supervisor starts it while anything is wanted, and again within a second when it ends. It
   ends when its pipe closes: the rules stay in the system, the next guard finds them.
2. It reads `wanted.json` itself: what comes over the pipe is only the word to look again.
3. One turn at a time, each second and whenever something happens. What waits for the network waits
   in a task of its own, so that rules that somebody removed are back within two seconds.
4. Nothing that goes wrong ends it: it is said, and tried again at the next turn.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path

from msgspec.structs import replace

from commands.language.errors import FirelineError, Refused
from commands.language.wire_contain import Seen, Want
from endpoint_shim import children, config, contain, edges, guard_state, restrictor
from endpoint_shim.guard_pipe import Guarding, Line, Said, Told, to_guard
from endpoint_shim.guard_state import Record
from endpoint_shim.isolation import Isolation
from endpoint_shim.pipe import Pipe
from endpoint_shim.reach import Reach
from endpoint_shim.restriction import Restriction

TURN_S, RESTRICTED_TURN_S, LEAST_S = 1.0, 0.4, 0.05
IDLE_S = 60.0
"""So long with nothing wanted and nothing to say, and it ends by itself."""
KEEP_S = 60.0
REFRESH_S, LOST_REFRESH_S = 60.0, 5.0
LOCK_S = 15.0

log = logging.getLogger("fireline.guard")


class Guard:
    """From the pipe's first message to its end."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._pipe = Pipe(self._message, self._lost)
        self._guarding: asyncio.Future[Guarding | None] = loop.create_future()
        self._over = asyncio.Event()
        self._woken = asyncio.Event()
        self._wished = asyncio.Event()
        self._moved = asyncio.Event()
        """The ways of packets, or the control line, are others now."""
        self._line: Line | None = None
        self._number = 0
        self._sent: dict[int, tuple[Seen, ...]] = {}
        """What happened, by the message that said it, until the broker has that."""
        self._record: Record | None = None

    async def run(self, arguments: list[str]) -> None:
        """Serves until the pipe closes."""
        await children.join_supervisor(self._pipe, arguments)
        guarding = await self._guarding
        if guarding is not None:
            await self._guard(Path(guarding.state), guarding.prove_s)

    async def _guard(self, state: Path, prove_s: float) -> None:
        settings = config.load(state)
        handle = await _locked(state)
        record = self._record = Record(state, self._say)
        reach = Reach(settings, record.kept.brokers)
        check_word = contain.checked(settings)
        isolation = Isolation(record, edges.firewall(), reach, check_word)
        isolation.wake, isolation.prove_s = self._woken.set, prove_s
        known = restrictor.known(settings.sessions)
        restriction = Restriction(record, lambda: edges.restrictor(state), known, check_word)
        edges.watch(self._woken.set, self._moved.set)
        try:
            await self._step(isolation.start(guard_state.wanted(state).isolation))
            self._say()
            async with asyncio.TaskGroup() as group:
                # Apart: what reads all packages' lists must not hold up what mends the rules.
                group.create_task(self._restrict(settings.state, restriction))
                await self._turns(settings, reach, isolation)
                self._lost()
        finally:
            await isolation.close()
            await restriction.close()
            del handle

    async def _turns(
        self,
        settings: config.Config,
        reach: Reach,
        isolation: Isolation,
    ) -> None:
        assert self._record is not None
        loop = asyncio.get_running_loop()
        kept_at = looked_at = needed_at = loop.time()
        while not self._over.is_set():
            self._woken.clear()
            wanted = guard_state.wanted(settings.state)
            reach.more = wanted.places
            if self._line is not None:
                line, self._line = self._line, None
                if not line.place:
                    self._moved.set()
                await self._step(isolation.line(line.place, line.address, line.port))
            await self._step(contain.handle_token(settings, self._record, isolation))
            await self._step(isolation.turn(wanted.isolation))
            now = loop.time()
            due = REFRESH_S if reach.on_line else LOST_REFRESH_S
            if self._moved.is_set() or now - looked_at > due:
                looked_at = now
                if isolation.refresh():
                    self._moved.clear()
            if now - kept_at > KEEP_S:
                kept_at = now
                await self._step(self._keep())
            if guard_state.is_needed(settings.state):
                needed_at = now
            elif now - needed_at > IDLE_S:
                return
            await asyncio.sleep(LEAST_S)  # whoever changes the rules without pause
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._woken.wait()

    async def _keep(self) -> None:
        """The time that is left, and the clock."""
        assert self._record is not None
        self._record.save()

    async def _restrict(self, state: Path, restriction: Restriction) -> None:
        """The same for the restriction; what it began is waited for."""
        await self._step(restriction.start())
        while not self._over.is_set():
            self._wished.clear()
            await self._step(restriction.turn(guard_state.wanted(state).restriction))
            assert self._record is not None
            turn = RESTRICTED_TURN_S if self._record.kept.restriction.on else TURN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(turn):
                    await self._wished.wait()

    async def _step(self, step: Coroutine[None, None, None]) -> None:
        """A part of a turn; what goes wrong is told, and tried again at the next turn."""
        assert self._record is not None
        try:
            await step
        except (FirelineError, OSError) as error:
            if self._record.saw("unguarded", f"the guard could not do its work: {error}"):
                log.error("%s", error)
                with contextlib.suppress(OSError):  # it may be that the disk is full
                    self._record.save()
                self._record.tell()

    def _message(self, data: bytes) -> None:
        match to_guard.decode(data):
            case Guarding() as guarding:
                if not self._guarding.done():
                    self._guarding.set_result(guarding)
            case Line() as line:
                self._line = line
            case Told(number=number):
                told = [one for one in self._sent if one <= number]
                seen = tuple(each for one in told for each in self._sent.pop(one))
                if self._record is not None and seen:
                    with contextlib.suppress(OSError):  # a full disk; told twice after a restart
                        self._record.told(seen)
            case Want():
                self._wished.set()  # it stands in wanted.json already
        self._woken.set()

    def _say(self) -> None:
        assert self._record is not None
        self._number += 1
        now = self._record.contained()
        sent = {one for each in self._sent.values() for one in each}
        now = replace(now, seen=tuple(one for one in now.seen if one not in sent))
        if now.seen:
            self._sent[self._number] = now.seen
        self._pipe.send(Said(number=self._number, contained=now))

    def _lost(self) -> None:
        self._over.set()
        self._woken.set()
        self._wished.set()
        if not self._guarding.done():
            self._guarding.set_result(None)


async def _locked(state: Path) -> int:
    """The lock, when whoever has it is done: a guard that ends, or a release."""
    end = asyncio.get_running_loop().time() + LOCK_S
    while True:
        try:
            return children.hold(state, guard_state.LOCK)
        except Refused:
            if asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(0.1)


def main() -> None:
    """The guard as a program."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_main())
    except FirelineError as error:
        log.error("%s", error)
        sys.exit(error.status)


async def _main() -> None:
    await Guard().run(sys.argv[1:])


if __name__ == "__main__":
    main()
