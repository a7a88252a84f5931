"""A worker: one process, one stream, one command at a time; it ends when its pipe closes.

1. It reads key and policy itself; what it is to do comes over the pipe, never in argv.
2. Cancel comes over the pipe, is answered with Stopping at once, and never waits behind bytes.
3. It ends by `os._exit`: a thread that hangs in a mount must not keep it.
"""

import asyncio
import logging
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.language import wire
from commands.language.errors import FirelineError
from commands.language.items import NOT_STARTED, Done, Note, encode
from endpoint_shim import config, dial, own, policy, signed_in, stuck
from endpoint_shim.children import faster_loop, join_group, join_supervisor
from endpoint_shim.groups import Group
from endpoint_shim.host import Place
from endpoint_shim.inputs import Overrun
from endpoint_shim.pipe import Hung, Pipe, Placed, Waiting, to_worker
from endpoint_shim.runner import Runner
from endpoint_shim.stream import Stream
from endpoint_shim.threads import Threads

if TYPE_CHECKING:
    from endpoint_shim.files_service import FilesService

REST_S = 1.0
RESOLVE_S = 2.0
GROUP_END_S = 1.0
GROUP_LOOK_S = 0.02
GROUP_LOOKS = 5
FLUSH_S = 0.01

log = logging.getLogger("fireline.worker")


class Worker:
    """From the pipe's first message to the last."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._pipe = Pipe(self._message, self._pipe_lost)
        self._placed: asyncio.Future[Placed] = loop.create_future()
        self._opening: asyncio.Future[wire.Open] = loop.create_future()
        self._over: asyncio.Future[tuple[str, str]] = loop.create_future()
        """How it ended and the reason, for Gone."""
        self._threads = Threads()
        loop.set_default_executor(self._threads)
        self._group: Group | None = None
        self._command_group: Group | None = None
        self._place: Place | None = None
        self._settings: config.Config | None = None
        self._said = wire.Policy()
        self._stream: Stream | None = None
        self._runner: Runner | None = None
        self._running: asyncio.Task[Done] | None = None
        self._command: asyncio.Task[None] | None = None
        self._never: set[int] = set()
        self._done = 0
        self._files: FilesService | None = None

    async def run(self, arguments: list[str]) -> None:
        """Serves until the end, then says Gone and what started here is ended."""
        await join_supervisor(self._pipe, arguments)
        self._pipe.send(wire.Ready(pid=os.getpid()))
        work = asyncio.create_task(self._serve())
        await asyncio.wait({work, self._over}, return_when="FIRST_COMPLETED")
        how, reason = self._over.result() if self._over.done() else work.result()
        await self._end(how, reason)

    async def _serve(self) -> tuple[str, str]:
        placed, opening = await self._placed, await self._opening
        settings = self._settings = config.load(Path(placed.state))
        self._group = join_group(placed.group)
        session, kept = Path(placed.session_folder), settings.state / config.KEPT
        self._place = Place(
            session,
            kept,
            await _followed(
                policy.Policy(
                    self._read_policy(settings),
                    placed.device,
                    dict(placed.hung),
                    own=own.found(settings.state, settings.policy, [session, kept]),
                )
            ),
            tuple(settings.settings.terminal_prefix),
            settings.settings.clamd,
            settings.state,
        )
        stream = Stream(
            dial.way(settings),
            settings.identity.dial,
            opening,
            self._order,
            self._input,
        )
        try:
            await stream.open()
        except FirelineError as error:
            return "never", str(error)
        self._stream = stream
        self._pipe.send(await signed_in.found())
        return "ended", await stream.keep()

    def _read_policy(self, settings: config.Config) -> wire.Policy:
        self._said = policy.load(settings.policy)
        return self._said

    async def _look(self) -> Place:
        """Where it stands: under the policy as its file is now, not as it was at the start."""
        place, settings, before = self._place, self._settings, self._said
        assert place is not None and settings is not None
        said = self._read_policy(settings)
        if said != before:
            held = await _followed(replace(place.policy, said=said, real=()))
            place = self._place = replace(place, policy=held)
        return place

    # From the supervisor.
    def _message(self, data: bytes) -> None:
        match to_worker.decode(data):
            case Placed() as placed:
                self._placed.set_result(placed)
            case wire.Open() as opening:
                self._opening.set_result(opening)
            case wire.Cancel(number=number):
                self._cancel(number)
            case Hung(mounts=mounts):
                if self._place is not None:
                    self._place.policy.now_hung(mounts)
            case wire.Close() | wire.End():
                self._finish("ended", "it was asked to")

    def _pipe_lost(self) -> None:
        self._finish("ended", "its supervisor ended")

    def _finish(self, how: str, reason: str) -> None:
        if not self._over.done():
            self._over.set_result((how, reason))

    def _cancel(self, number: int) -> None:
        if number <= self._done:
            return
        self._pipe.send(wire.Stopping(number=number))
        if self._stream is None:
            self._finish("never", "it was cancelled before it was dialled")
            return
        self._stream.send(wire.Stopping(number=number))
        runner, running = self._runner, self._running
        if runner is not None and running is not None and runner.number == number:
            runner.cancel(running)
        else:
            self._never.add(number)

    # From the broker.
    def _order(self, message: wire.StreamDown) -> None:
        match message:
            case wire.Start():
                self._start(message)
            case wire.Resize(columns=columns, rows=rows):
                if self._runner is not None:
                    self._runner.resize(columns, rows)
            case wire.Signal(name=name):
                if self._runner is not None:
                    self._runner.signal(name)
            case wire.Eof():
                if self._runner is not None:
                    self._runner.input.end()
                    self._runner.typed()
            case wire.Ack() | wire.Resumed():
                pass  # the stream's own
            case _:  # checked by its type: a request that nobody serves would never be answered
                self._request(message)

    def _input(self, data: bytes) -> None:
        assert self._stream is not None
        if self._files is not None:
            self._files.data(data)
            return
        if self._runner is None:
            # The command ended while this was under way.
            self._stream.took(len(data))
            return
        try:
            self._runner.input.push(data)
        except Overrun as error:
            self._stream.violation(str(error))
            return
        self._runner.typed()

    def _start(self, start: wire.Start) -> None:
        assert self._stream is not None and self._group is not None and self._place is not None
        if self._command is not None or self._files is not None:
            self._stream.violation("a start on a stream that is not free")
        elif start.number in self._never:
            self._never.discard(start.number)
            self._say_done(start.number, Done("cancelled", NOT_STARTED))
        else:
            group = self._command_group = self._group.under(f"c{start.number}")
            runner = self._runner = Runner(start, self._look, group, self._stream)
            running = self._running = asyncio.create_task(runner.run())
            self._command = asyncio.create_task(self._see_through(runner, running, group))

    async def _see_through(
        self, runner: Runner, running: "asyncio.Task[Done]", group: Group
    ) -> None:
        """Waits for the command, ends what it left, says Done; a thread that hangs ends all."""
        assert self._stream is not None
        done = await running
        rested = await self._threads.rest(REST_S) if runner.cancelled or runner.timed_out else True
        if ended := await _end_group(group):
            self._stream.send_text(encode(Note(f"ended with it: {', '.join(ended)}")))
        if rested or not runner.cancelled:
            self._say_done(runner.number, done)
        if not rested:
            # Only the supervisor can say how that ends: it kills this process, or lets it go.
            await self._stream.flushed()
            self._pipe.send(Waiting(number=runner.number))
            return
        self._runner = self._running = self._command = None

    def _say_done(self, number: int, done: Done) -> None:
        assert self._stream is not None
        self._done = max(self._done, number)
        self._stream.send_text(encode(done))
        self._pipe.send(wire.WorkerDone(number=number))

    def _request(self, message: wire.FileRequest | wire.Free) -> None:
        assert self._stream is not None and self._place is not None
        if self._command is not None:
            self._stream.violation("a file request while a command runs")
            return
        if self._files is None:
            from endpoint_shim.files_service import FilesService  # only SFTP needs it

            self._files = FilesService(self._place.policy, self._stream)
        self._files.request(message)

    async def _end(self, how: str, reason: str) -> None:
        if self._runner is not None and self._running is not None:
            self._runner.cancel(self._running)
            if self._command_group is not None:
                self._command_group.kill()
            # A file half written is given up; more than that is not waited for.
            await asyncio.wait({self._running}, timeout=REST_S)
        if self._files is not None:
            await asyncio.wait({asyncio.create_task(self._files.drop())}, timeout=REST_S)
        if self._stream is not None:
            self._stream.close(reason)
        stream = self._opening.result().stream if self._opening.done() else "none"
        self._pipe.send(wire.Gone(stream=stream, how=how, message=reason[:4096]))
        await asyncio.sleep(FLUSH_S)


async def _followed(found: policy.Policy) -> policy.Policy:
    """The policy with its paths also where their links lead."""
    if not found.said.off_limits:
        return found
    try:
        async with asyncio.timeout(RESOLVE_S):
            return await asyncio.to_thread(found.resolved)
    except TimeoutError:
        # Where its paths lead is not known: as strict as a file that cannot be read.
        return found.unresolved()


async def _end_group(group: Group) -> list[str]:
    """Ends what the command left in its group; names it, at most twenty."""
    # What the command itself has killed may take a moment to go.
    for _ in range(GROUP_LOOKS):
        if not group.members():
            break
        await asyncio.sleep(GROUP_LOOK_S)
    named = [f"{pid} {stuck.name_of(pid)}" for pid in group.members()[:20]]
    end = asyncio.get_running_loop().time() + GROUP_END_S
    while group.members() and asyncio.get_running_loop().time() < end:
        group.kill()
        await asyncio.sleep(GROUP_LOOK_S)
    group.remove()
    return named


async def work(arguments: list[str]) -> None:
    """Serves, and ends this process without asking its threads."""
    status = 1
    try:
        await Worker().run(arguments)
        status = 0
    finally:
        if status:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)


def main(arguments: list[str]) -> None:
    """Serves as this process's one purpose."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=faster_loop()) as runner:
        runner.run(work(arguments))
