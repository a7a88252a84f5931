"""A command that runs on a device, fed by its stream.

1. A Done and a Gone are one end: the first counts, both are recorded.
2. A command whose end is not known is interrupted; where it changes the device its message says
   'outcome unknown'. Never a re-run, never a success that nobody said.
3. A file counts as taken only when both sides have the same digest.
4. What the word cannot yield, or what speaks of something else than was asked, is a violation
   (claims.py): its stream is closed, and nothing of it is taken.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from commands.language import items, wire
from commands.language.command import Command
from commands.language.errors import (
    Cancelled,
    Failed,
    FirelineError,
    Interrupted,
    Refused,
    TimedOut,
    on_device,
)
from commands.language.framed import A_FILE, SHOWN
from commands.language.line import TypedLine
from commands.language.names import Name
from server.audit import clock
from server.audit.errors import RecordingBroken, RecordingFull
from server.audit.records import CancelAnswered, CancelAsked, FileWritten
from server.audit.session import SessionJournal
from server.evidence.packages import Package
from server.live.claims import Claims
from server.live.job import Job, failure
from server.live.push import Push
from server.live.stream import Stream

if TYPE_CHECKING:
    from server.evidence.incoming import Incoming

STUCK_S = 2.0
ANSWER_S = 6.0
"""What a device may take to say what became of a cancel: killing a deaf worker takes it 4 s."""
RESPONDER = "responder"
THE_RULES = "the rules"


class DeviceJob(Job):
    """One device command on one stream."""

    def __init__(
        self,
        number: int,
        typed: TypedLine,
        command: Command,
        journal: SessionJournal,
        device: str,
        incoming: "Callable[[DeviceJob, items.Into], Incoming]",
    ) -> None:
        super().__init__(number, typed, command, journal, device)
        self.on_folder: Callable[[str], None] = lambda path: None
        self.on_violation: Callable[[str], None] = lambda what: None
        self.on_back_again: Callable[[DeviceJob], None] = lambda job: None
        self.send_cancel: Callable[[wire.Cancel], bool] = lambda cancel: False
        self.release: Callable[[DeviceJob], None] = lambda job: None
        self.stream: Stream | None = None
        self.cancelled_by = ""
        self.stopping = False
        self.pushes: items.Progress | None = None
        """What goes to the device, where its size is known: none of it yet."""
        self._claims = Claims(command)
        self._incoming = incoming
        self._file: Incoming | None = None
        self._push: Push | None = None
        self._ending: asyncio.Task[None] | None = None
        self._backstop: asyncio.TimerHandle | None = None

    @property
    def ending(self) -> bool:
        """Its end is being written, or is."""
        return self._ending is not None or not self.running

    @property
    def progress(self) -> items.Progress | None:
        """What the device says; else of a file that comes: what has, and of one that goes: what the
        device has acknowledged."""
        if self._file is not None and super().progress is None:
            return items.Progress(self._file.size, self._announced, self._file.name)
        if self.pushes is not None and self._push is not None:
            done = self._push.taken
            if done < (self.pushes.total or 0):  # then the device checks it, and says when done
                return items.Progress(done, self.pushes.total, self.pushes.what)
        return super().progress

    @property
    def away(self) -> bool:
        """Its stream broke and has not come back yet."""
        return self.stream is not None and self.stream.away

    # The session starts it.
    def start(self, stream: Stream, start: wire.Start, data: AsyncIterator[bytes] | None) -> None:
        """Runs it on an open stream; `data` is its input, pushed as the device takes it."""
        self.stream = stream
        stream.user = self
        stream.take_in_a_turn(A_FILE if self.spec.most is not None else SHOWN)
        self._claims.folder = Name(start.folder)
        self.state = "running"
        stream.send(msgspec.structs.replace(start, clock_ms=clock.now_ms()))
        if start.limit_s is not None:
            loop = asyncio.get_running_loop()
            self._backstop = loop.call_later(start.limit_s + STUCK_S * 5, self._overdue)
        if data is not None:
            self._push = Push(stream, data, self._stop_at_limit)

    def _overdue(self) -> None:
        """The device's own limit did not end it: it is told once more, then given up."""
        if self.running and self.stream is not None and self._ending is None:
            self.send_cancel(wire.Cancel(stream=self.stream.id, number=self.number))
            unknown = "; outcome unknown" if self.spec.changes else ""
            self._end(
                TimedOut(
                    f"{self.spec.word} on {self.device} went past its limit and the device did "
                    f"not end it{unknown}"
                )
            )

    # The stream's callbacks.
    def on_item(self, item: items.Sent) -> None:
        if self._too_late("an item"):
            return
        try:
            self._claims.check(item)
            self._take(item)
        except msgspec.ValidationError as error:
            self._violate(f"sent an item of {self.spec.word} that does not fit: {error}")
        except FirelineError as error:
            self._stop_at_limit(error)

    def on_bytes(self, data: bytes) -> None:
        if self._too_late("bytes"):
            return
        try:
            self._claims.check_bytes()
            if self._file is None:
                self.feed_bytes(data)
            elif not self._is_too_much(len(data)):
                self._fed(self._file.feed(data))
                self.bytes += len(data)
        except msgspec.ValidationError as error:
            self._violate(f"sent bytes that do not fit: {error}")
        except (RecordingFull, RecordingBroken, Refused) as error:
            self._stop_at_limit(error)

    def _is_too_much(self, size: int) -> bool:
        """More of its file than it announced, which is a violation."""
        assert self._file is not None
        if self._announced is None or self._file.size + size <= self._announced:
            return False
        self._violate(f"sent more of its file than the {self._announced:,} bytes announced")
        return True

    def _fed(self, room: bool) -> None:
        if not room and self.stream is not None:
            self.stream.pause()

    def on_message(self, message: wire.StreamUp) -> None:
        if isinstance(message, wire.Stopping):
            self.stopping = True

    def on_writing(self, may: bool) -> None:
        if self._push is not None:
            self._push.writing(may)

    def on_away(self) -> None: ...

    def on_back(self) -> None:
        if self.stream is not None and self.stream.writable:
            self.on_writing(True)  # who typed while it was away waits for that
        self.on_back_again(self)

    def on_stream_gone(self, reason: str) -> None:
        self._end(self._lost_error(reason))

    def gone(self, gone: wire.Gone) -> None:
        """The supervisor's word for how the worker ended."""
        if not self.running or self._ending is not None:
            return
        if gone.how == "never":
            self._end(
                self._never_error()
                if self.cancelled_by
                else Failed(f"{self.spec.word} could not start on {self.device}: {gone.message}")
            )
        elif gone.how == "kernel":
            self._end(
                Cancelled(
                    f"{self.spec.word} let go on {self.device}; {gone.message}; "
                    f"{self._kept()}, #{self.number}"
                )
            )
        elif self.cancelled_by:
            self._end(self._cancelled_error())
        else:
            self._end(self._lost_error(gone.message or f"its worker {gone.how}"))

    # Cancelling.
    async def cancel(self, by: str = RESPONDER) -> str:
        """Asks the device; waits for its answer or its end."""
        if not self.running:
            return self.too_late()
        first = not self.cancelled_by
        self.cancelled_by = self.cancelled_by or by
        if first:
            await self.journal.append(CancelAsked(number=self.number, by=self.cancelled_by))
        stream = self.stream
        if stream is None:
            self._end(self._never_error())
        elif not await self._asked_to_stop(stream):
            answer = (
                f"{self.device} does not answer; the stop goes out when it is back, "
                f"job {self.number}"
            )
            await self.journal.append(CancelAnswered(number=self.number, answer=answer))
            return answer
        await self.wait()
        answer = self.too_late() if self.error is None else self.error.shown()
        await self.journal.append(CancelAnswered(number=self.number, answer=answer))
        return answer

    async def _asked_to_stop(self, stream: Stream) -> bool:
        """Whether it ended in the time that it has for that; from `stopping` its grace counts."""
        return self.send_cancel(self._cancel_of(stream)) and (
            await self._ends_within(ANSWER_S)
            or (self.stopping and await self._ends_within(self._grace + ANSWER_S))
        )

    @property
    def _grace(self) -> float:
        return float(getattr(self.command, "grace", 0.0)) + STUCK_S

    def _cancel_of(self, stream: Stream) -> wire.Cancel:
        return wire.Cancel(stream=stream.id, number=self.number, grace_s=self._grace)

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wait()
        return not self.running

    def resend_cancel(self) -> None:
        """A pending cancel is repeated when the line is back."""
        if self.cancelled_by and self.running and self.stream is not None:
            self.send_cancel(self._cancel_of(self.stream))

    # Inside.
    def _too_late(self, what: str) -> bool:
        """After its Done a device says nothing more; what was ended here may still be told of."""
        if self._done is not None:
            self._violate(f"sent {what} after its Done")
        return self._ending is not None

    def _take(self, item: items.Sent) -> None:
        match item:
            case items.Folder():
                self.on_folder(item.path)
                self.feed(item)
            case items.Into(where="file"):
                self._file = self._incoming(self, item)
                self._file.on_drained = self._drained
                self._announced = item.size
                self.feed(item)
            case items.Hole() if self._file is not None:
                if not self._is_too_much(item.size):
                    self._fed(self._file.skip(item.size))
                    self.bytes += item.size
            case items.Done():
                self._done = item
                self._end(self._done_error(item), item)
            case items.Taken() if self._file is not None:
                self._file.expected = item
                self.feed(item)
            case _:
                self.feed(item)
                if isinstance(item, items.Written) and not item.already:
                    self._written = item

    _written: items.Written | None = None
    _done: items.Done | None = None
    _announced: int | None = None

    def _drained(self) -> None:
        if self.stream is not None:
            self.stream.resume()
        if self._file is not None and self._file.failed is not None:
            self._stop_at_limit(self._file.failed)

    def _end(self, error: FirelineError | None, done: items.Done | None = None) -> None:
        if self._ending is None and self.running:
            self._ending = asyncio.create_task(self._finish(error, done))

    async def _finish(self, error: FirelineError | None, done: items.Done | None) -> None:
        if self._push is not None:
            self._push.stop()
        if self._backstop is not None:
            self._backstop.cancel()
        if self._file is not None:
            error = await self._file_ended(error)
        if self._written is not None and error is None:
            written = self._written
            await self.journal.append(
                FileWritten(
                    number=self.number, path=written.path, bytes=written.size, sha256=written.sha256
                )
            )
        stream = self.stream
        if stream is not None:
            stream.user = None
            if done is None:  # it may still run there: nothing of it shall reach another command
                stream.end("the command ended without its Done")
        exit_code = done.exit_code if done is not None else None
        ours = isinstance(error, RecordingFull | RecordingBroken)
        if error is not None and exit_code is None and not ours:  # a script's verdict names itself
            error = on_device(error, self.spec.word, self.device)
        await self.finish(error, exit_code)
        self.release(self)

    async def _file_ended(self, error: FirelineError | None) -> FirelineError | None:
        file, self._file = self._file, None
        if file is None:
            return error
        if error is None:
            try:
                self.files.append(await file.take())
                return None
            except FirelineError as broken:
                error = broken
        await file.keep_partial()
        if file.is_package and file.kept is not None:
            self.partials.append(file.kept)
            kept = f"/packages/{Package(self.journal.id, file.kept.name).name}"
            return type(error)(f"{error}; what came is a valid zip, {kept}")
        return error

    def _done_error(self, done: items.Done) -> FirelineError | None:
        """What a Done says; one that stopped unasked was cut off, with its supervisor."""
        if done.code != "cancelled":
            return failure(done)
        if not self.cancelled_by:
            return self._lost_error("its shim ended, and the command with it")
        return self._never_error() if done.message == items.NOT_STARTED else self._cancelled_error()

    def _never_error(self) -> FirelineError:
        return Cancelled(
            f"{self.spec.word} had not started on {self.device}; nothing ran, #{self.number}"
        )

    def _cancelled_error(self) -> FirelineError:
        took = asyncio.get_running_loop().time() - self.began
        by = self.cancelled_by
        how = "while running" if by == RESPONDER else f"by {by}"
        return Cancelled(
            f"{self.spec.word} stopped on {self.device} {how}, {took:.0f} s; "
            f"{self._kept()}, #{self.number}"
        )

    def _kept(self) -> str:
        return f"{self.amount} kept"

    def _lost_error(self, reason: str) -> FirelineError:
        unknown = "; outcome unknown" if self.spec.changes else ""
        return Interrupted(f"{self.spec.word} on {self.device} was interrupted: {reason}{unknown}")

    def _violate(self, what: str) -> None:
        self.on_violation(what)
        stream = self.stream
        unknown = "; outcome unknown" if self.spec.changes else ""
        self._end(Failed(f"{self.device} {what}; its stream was closed{unknown}"))
        if stream is not None:
            stream.user = None
            stream.end(what)

    def _stop_at_limit(self, error: FirelineError) -> None:
        """A budget or the disk ends this command, here and on the device."""
        stream = self.stream
        if stream is not None and self.running:
            self.send_cancel(wire.Cancel(stream=stream.id, number=self.number))
            stream.user = None
            stream.end("the command ended at the broker")
        self._end(error)


def command_value(command: Command) -> dict[str, Any]:
    """A command as the wire and the journal hold it."""
    return {"word": type(command).spec.word, **msgspec.to_builtins(command)}
