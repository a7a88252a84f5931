"""All workers of this shim, by stream, and the sessions they belong to.

1. A session has one private folder and any number of workers; its end ends and wipes all of it.
2. A mount that a command was killed in is refused until it answers (hung.py).
3. At most MAX_HELD workers may hang in the kernel; then no more are started until one lets go.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from commands.language import wire
from endpoint_shim import sessions
from endpoint_shim.children import worker_starter
from endpoint_shim.groups import Groups
from endpoint_shim.hung import HungMounts
from endpoint_shim.pipe import Found, Hung, Placed
from endpoint_shim.worker_process import WorkerProcess

MAX_HELD = 4
MAX_UNTOLD = 1000


@dataclass
class Session:
    """A session's folder and the workers it has now."""

    folder: Path
    workers: set[WorkerProcess] = field(default_factory=set)
    left: list[str] = field(default_factory=list)
    ending: bool = False


class Workers:
    """Started and ended as the broker asks; each end is told once, later if there is no line."""

    def __init__(
        self,
        state: Path,
        device: str,
        groups: Groups,
        tell: Callable[[wire.Up], bool],
        on_found: Callable[[Found], None],
    ) -> None:
        self._state = state
        self._device = device
        self._groups = groups
        self._tell = tell
        self._on_found = on_found
        self._starter = worker_starter()
        self._number = 0
        self._streams: dict[str, WorkerProcess] = {}
        self._held: set[WorkerProcess] = set()
        self._mounts = HungMounts(self._pass_on_hung)
        self._sessions: dict[str, Session] = {}
        self._untold: dict[str, wire.Up] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def streams(self) -> list[str]:
        return list(self._streams)

    @property
    def sessions(self) -> list[str]:
        return list(self._sessions)

    def begin(self, session: str) -> None:
        """Makes the session's folder; asked again, it is the same one."""
        if session not in self._sessions:
            self._sessions[session] = Session(sessions.make(self._state / "sessions"))

    def open(self, message: wire.Open) -> None:
        """Starts a worker for a stream, or says why not."""
        session = self._sessions.get(message.session)
        why = self._why_not(message, session)
        if why or session is None:
            self._say(message.stream, wire.Gone(stream=message.stream, how="never", message=why))
            return
        self._number += 1
        group = self._groups.worker(self._number)
        placed = Placed(
            state=str(self._state),
            session_folder=str(session.folder),
            group=group.place,
            device=self._device,
            hung=self._hung(),
        )
        worker = WorkerProcess(message, placed, group, self._gone, self._on_found, self._starter)
        self._streams[message.stream] = worker
        session.workers.add(worker)

    def cancel(self, message: wire.Cancel) -> None:
        """Passed on; a stream that is not here is answered for."""
        if worker := self._streams.get(message.stream):
            worker.cancel(message)
        elif message.stream not in self._untold:
            # Also for one whose Gone was sent long ago: the broker counts the first that arrives.
            self._say(message.stream, wire.Gone(stream=message.stream, how="never"))

    def close(self, stream: str) -> None:
        if worker := self._streams.get(stream):
            worker.close()

    def end(self, session: str) -> None:
        """Ends a session; Ended is said when nothing of it is left, or what is."""
        found = self._sessions.get(session)
        if found is None:
            self._say(session, wire.Ended(session=session))
        elif not found.ending:
            found.ending = True
            self._own(self._end(session, found))

    def keep_only(self, streams: list[str], known: list[str]) -> None:
        """Ends what the broker no longer knows; what ended without a line is said now."""
        for message in list(self._untold.values()):
            self._tell(message)
        self._untold.clear()
        for session in set(self._sessions) - set(known):
            self.end(session)
        for stream in set(self._streams) - set(streams):
            self._streams[stream].kill("the broker does not know it any more")

    def end_all(self) -> None:
        for session in list(self._sessions):
            self.end(session)

    async def stop(self) -> None:
        """The shim ends: no process of it goes on asking a mount, and none waits to be asked."""
        self._mounts.stop()
        await self._starter.closed()

    async def all_ended(self) -> None:
        """Waits for the ends that were asked for; never for what the kernel holds."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _why_not(self, message: wire.Open, session: Session | None) -> str:
        if session is None or session.ending:
            return f"session {message.session} is not open here"
        if message.stream in self._streams:
            return f"stream {message.stream} is open already"
        if len([w for w in self._held if not w.ended]) >= MAX_HELD:
            pids = ", ".join(str(w.held.pid) for w in self._held if w.held)
            return f"{MAX_HELD} commands hang in the kernel here already (pids {pids})"
        return ""

    def _hung(self) -> dict[str, str]:
        self._held = {worker for worker in self._held if not worker.ended}
        found = [w.held for w in self._held if w.held is not None and w.held.mount]
        return self._mounts.refused | {
            held.mount: f"pid {held.pid} hangs in {held.mount}, which does not answer"
            for held in found
        }

    def _pass_on_hung(self) -> None:
        hung = Hung(mounts=self._hung())
        for worker in self._streams.values():
            worker.hung(hung)

    def _gone(self, worker: WorkerProcess, gone: wire.Gone) -> None:
        self._streams.pop(worker.stream, None)
        if worker.held is not None:
            self._held.add(worker)
            worker.let_go.add_done_callback(lambda _: self._pass_on_hung())
            self._pass_on_hung()
        elif worker.killed_in:
            self._mounts.remember(worker.killed_in)
        if session := self._sessions.get(worker.session):
            session.workers.discard(worker)
            session.left += [gone.message] if gone.how == "kernel" else gone.left
        self._say(worker.stream, gone)

    async def _end(self, name: str, session: Session) -> None:
        workers = list(session.workers)
        for worker in workers:
            worker.end()
        for worker in workers:
            await worker.gone
        left = await asyncio.to_thread(sessions.wipe, session.folder)
        del self._sessions[name]
        self._say(name, wire.Ended(session=name, left=(session.left + left)[:100]))

    def _say(self, about: str, message: wire.Up) -> None:
        if not self._tell(message) and len(self._untold) < MAX_UNTOLD:
            self._untold[about] = message

    def _own(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
