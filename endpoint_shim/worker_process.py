"""One worker as the supervisor holds it: opened, cancelled, ended, let go when it hangs.

1. Whatever happens, exactly one Gone is told for its stream.
2. Nothing here waits for a process that the kernel holds: after KILL_S it is let go, and reaped
   when it ends by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from commands.language import wire
from endpoint_shim import stuck
from endpoint_shim.children import Child, Starter
from endpoint_shim.groups import Group
from endpoint_shim.pipe import Found, Hung, Pipe, Placed, Waiting, from_worker

READY_S = 15.0
STOPPING_S = 2.0
KILL_S = 2.0
AFTER_GRACE_S = 2.0
GROUP_LOOK_S = 0.02


@dataclass(frozen=True)
class Held:
    """What a worker hangs in."""

    pid: int
    mount: str


class WorkerProcess:
    """A worker for one stream."""

    def __init__(
        self,
        opening: wire.Open,
        placed: Placed,
        group: Group,
        on_gone: "Callable[[WorkerProcess, wire.Gone], None]",
        on_found: Callable[[Found], None],
        starter: Starter,
    ) -> None:
        self._starter = starter
        self.session = opening.session
        self.stream = opening.stream
        self.held: Held | None = None
        self.killed_in = ""
        """The mount that it seemed to wait for when it was killed."""
        self._opening = opening
        self._placed = placed
        self._group = group
        self._on_gone = on_gone
        self._on_found = on_found
        self._loop = asyncio.get_running_loop()
        self._pipe = Pipe(self._message, self._pipe_lost)
        self._child: Child | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ready: asyncio.TimerHandle | None = None
        self._early: list[msgspec.Struct] | None = []
        """What was asked before its Open was sent."""
        self._said: wire.Gone | None = None
        self._killed = ""
        self._told = False
        self._done = 0
        self._grace = 0.0
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Set when it is ended, or let go in the kernel."""
        self.let_go = self._life = self._loop.create_task(self._live())

    def cancel(self, message: wire.Cancel) -> None:
        """Passes the cancel on; without the word `stopping` it is killed."""
        self._send(message)
        self._grace = message.grace_s
        if message.number > self._done:
            self._after(STOPPING_S, "it did not stop when asked")

    def close(self) -> None:
        """Asks it to end; by force a little later."""
        self._send(wire.Close(stream=self.stream))
        self._after(STOPPING_S, "it did not end when asked")

    def end(self) -> None:
        """Its session ended: what runs is cancelled without grace, and it ends."""
        self._send(wire.End(session=self.session))
        self._after(STOPPING_S, "its session ended")

    def hung(self, message: Hung) -> None:
        """Passes on what must not be touched now."""
        self._send(message)

    def kill(self, why: str) -> None:
        """Ends it and all that it started, by force."""
        self._killed = self._killed or why
        if self._child is not None:
            self.killed_in = self.killed_in or stuck.mount_of(self._child.pid)
            self._child.kill()
            self._group.kill()
            self._set_timer(KILL_S, self._look_whether_held)

    async def _live(self) -> None:
        try:
            self._child = await self._starter.start(self._pipe)
        except OSError as error:
            self._tell(wire.Gone(stream=self.stream, how="never", message=str(error)[:4096]))
            return
        self._group.add(self._child.pid)
        early, self._early = self._early or [], None
        for message in (self._placed, self._opening, *early):
            self._pipe.send(message)
        self._ready = self._loop.call_later(READY_S, self.kill, "it did not get ready")
        if self._killed:
            self.kill(self._killed)
        status = await self._child.exited
        self._clear_ready()
        self._clear_timer()
        left = await self._end_group()
        self._tell(self._verdict(status, left))

    def _message(self, data: bytes) -> None:
        match from_worker.decode(data):
            case wire.Ready():
                self._clear_ready()
            case wire.Stopping():
                self._after(self._grace + AFTER_GRACE_S, "it did not end within its grace")
            case wire.WorkerDone(number=number):
                self._done = number
                self._clear_timer()
            case wire.Gone() as said:
                self._said = said
                self._after(KILL_S, "it did not end")
            case Waiting():
                self.kill("it waited in the kernel")
            case Found() as found:
                self._on_found(found)

    def _pipe_lost(self) -> None:
        if self._child is not None and not self._child.exited.done():
            self._after(KILL_S, "it closed its pipe and did not end")

    def _after(self, seconds: float, why: str) -> None:
        if not self._killed:
            self._set_timer(seconds, lambda: self.kill(why))

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._clear_timer()
        self._timer = self._loop.call_later(seconds, call)

    def _send(self, message: msgspec.Struct) -> None:
        if self._early is not None:
            self._early.append(message)
        else:
            self._pipe.send(message)

    def _clear_ready(self) -> None:
        if self._ready is not None:
            self._ready.cancel()
            self._ready = None

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_whether_held(self) -> None:
        child = self._child
        if child is None or child.exited.done():
            return
        mount = stuck.mount_of(child.pid)
        self.held = Held(child.pid, mount)
        where = f" on {mount} and ends with it" if mount else " and ends when that lets it go"
        words = f"pid {child.pid} hangs in the kernel{where}"
        self._tell(wire.Gone(stream=self.stream, how="kernel", message=words))

    async def _end_group(self) -> list[str]:
        """Ends what the worker left; names what stays nevertheless."""
        self._group.kill()
        end = self._loop.time() + KILL_S
        while (members := self._group.members()) and self._loop.time() < end:
            await asyncio.sleep(GROUP_LOOK_S)
            self._group.kill()
        if not members:
            self._group.remove()
        return [f"{pid} {stuck.name_of(pid)}" for pid in members[:100]]

    def _verdict(self, status: int, left: list[str]) -> wire.Gone:
        how, message = "ended", ""
        if self._killed:
            how, message = "killed", self._killed
        elif self._said is not None:
            how, message = self._said.how, self._said.message
        elif status != 0:
            how, message = "crashed", f"the worker ended by itself with status {status}"
        return wire.Gone(stream=self.stream, how=how, status=status, message=message, left=left)

    def _tell(self, gone: wire.Gone) -> None:
        self._clear_timer()
        if not self.gone.done():
            self.gone.set_result(None)
        if not self._told:
            self._told = True
            self._on_gone(self, gone)

    @property
    def ended(self) -> bool:
        """Also reaped; what is held is not."""
        return self.let_go.done()
