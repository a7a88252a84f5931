"""The guard as the supervisor holds it: there while something is wanted, and back when it ends.

1. The wish is durable before the guard hears of it, and before the broker's next message is read.
2. A guard that ends while anything is wanted is started again within a second, for ever.
3. What it says that happened is kept until the broker has been sent it, and sent once.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from commands.language.wire_contain import Contained, Isolated, Restricted, Seen, Want
from endpoint_shim import guard_state
from endpoint_shim.children import Child, start_guard
from endpoint_shim.guard_pipe import Guarding, Line, Said, Told, from_guard
from endpoint_shim.pipe import Pipe

AGAIN_S = 0.5
END_S = 3.0

log = logging.getLogger("fireline.supervisor")


class GuardProcess:
    """One device's guard, or none while nothing is wanted."""

    def __init__(self, state: Path, tell: Callable[[Contained], bool]) -> None:
        self._state = state
        self._tell = tell
        self._pipe: Pipe | None = None
        self._child: Child | None = None
        self._line = Line()
        self._said: Said | None = None
        self._seen: tuple[Seen, ...] = ()
        self._stopping = False
        self._life: asyncio.Task[None] | None = None

    def want(self, message: Want) -> None:
        """Keeps a further wish, and has the guard see to it."""
        try:
            guard_state.want(self._state, message)
        except OSError as error:
            log.error("what the broker wants could not be kept: %s", error)
            self._refuse(message, f"it could not be kept on the device: {error.strerror}")
            return
        self._send(message)
        self.needed()

    def _refuse(self, message: Want, why: str) -> None:
        """What is not durable has no effect, and the broker hears why."""
        now = guard_state.contained(self._state) or Contained()
        isolation, restriction = message.isolation, message.restriction
        before, held = now.isolation, now.restriction
        if isolation is not None and (before is None or before.generation < isolation.generation):
            before = before or Isolated(generation=0)
            now.isolation = replace(
                before, generation=isolation.generation, stage="failed", error=why
            )
        if restriction is not None and (held is None or held.generation < restriction.generation):
            held = held or Restricted(generation=0)
            now.restriction = replace(
                held, generation=restriction.generation, stage="failed", error=why
            )
        self._tell(now)

    def needed(self) -> None:
        """Starts it where there is anything for it to do."""
        if self._life is None and self._asked_for():
            self._life = asyncio.create_task(self._live())

    def line(self, place: str, address: str, port: int) -> None:
        """The control line stands: the broker hears how this device is, and the guard where."""
        self._line = Line(place=place, address=address.partition("%")[0], port=port)
        self._send(self._line)
        if self._said is not None:
            self._pass_on()
        elif (kept := guard_state.contained(self._state)) is not None:
            self._tell(kept)

    def no_line(self) -> None:
        """It was lost."""
        self._line = Line()
        self._send(self._line)

    async def stop(self) -> None:
        """Ends it; what is in force stays so."""
        self._stopping = True
        if self._pipe is not None:
            self._pipe.close()
        if (life := self._life) is not None:
            await asyncio.wait({life}, timeout=END_S)
            if self._child is not None:
                self._child.kill()
            life.cancel()

    async def _live(self) -> None:
        try:
            while self._asked_for():
                await self._once()
                if self._asked_for():
                    await asyncio.sleep(AGAIN_S)
        finally:
            self._life = None

    async def _once(self) -> None:
        """From its start to its end."""
        self._pipe = Pipe(self._message, lambda: None)
        try:
            self._child = await start_guard(self._pipe)
        except OSError as error:
            log.error("the guard could not be started: %s", error)
            self._pipe = None
            return
        self._send(Guarding(state=str(self._state)))
        self._send(self._line)
        status = await self._child.exited
        self._pipe = self._child = None
        if status and not self._stopping:
            log.error("the guard ended with status %d", status)

    def _message(self, data: bytes) -> None:
        self._said = from_guard.decode(data)
        self._seen = (*self._seen, *self._said.contained.seen)[-guard_state.MAX_KEPT :]
        self._pass_on()

    def _pass_on(self) -> None:
        assert self._said is not None
        if self._tell(replace(self._said.contained, seen=self._seen)):
            self._seen = ()
            self._send(Told(number=self._said.number))

    def _send(self, message: msgspec.Struct) -> None:
        if self._pipe is not None:
            self._pipe.send(message)

    def _asked_for(self) -> bool:
        return not self._stopping and guard_state.is_needed(self._state)
