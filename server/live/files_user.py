"""Requests about a device's files on a stream of its own: one id each, at most 64 under way.

1. Every wait has a time limit. What was given up stays under way until the device answers it or
   the stream is gone, so the device's own count is never passed.
2. What the device sends is a claim: an answer to nothing, bytes that were not asked for or too
   many of them close the stream.
3. A list comes unasked in parts. While nobody waits for an answer and enough is held, the stream
   is not read, and the device stops.
"""

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from commands.language import items, wire
from commands.language.errors import Failed, FirelineError, Unreachable, from_code
from commands.language.names import Name
from commands.language.visible import visible
from server.live.stream import Stream

UNDER_WAY = 64
ANSWER_S = 30.0
PIECE = 262_144
SMALL = 32_768
CLOSING = 8
CLOSE_S = 1.0
HELD = 1 << 20
MOST_HELD = 64 << 20
ENTRY = 256
"""What an entry of a list costs at least, beside its name."""


@dataclass(frozen=True)
class Opened:
    """An open file: its handle, its size where the system gives a true one, and all of its bytes
    where they came with it."""

    handle: int
    size: int | None
    whole: bytes | None


class _Request:
    """One request and what came for it so far."""

    def __init__(self, bytes_at_most: int, many: bool, may_be_without: bool) -> None:
        self.bytes_at_most, self.many = bytes_at_most, many
        self.may_be_without = may_be_without
        self.answers: deque[wire.Answer] = deque()
        self.data = bytearray()
        self.held = 0
        self.over = False
        self.given_up = False
        self.failed: Failed | Unreachable | None = None
        self.grew = asyncio.Event()


class FilesUser:
    """The user of a stream that serves files; gone with its stream."""

    def __init__(self, stream: Stream, device: str) -> None:
        self._stream, self._device = stream, device
        self._slots = asyncio.Semaphore(UNDER_WAY)
        self._under_way: dict[int, _Request] = {}
        self._number = 0
        self._closing: list[int] = []
        self._later: asyncio.TimerHandle | None = None
        self._filling: tuple[_Request, wire.Answer] | None = None
        self._left = 0
        self._held = 0
        self._waiting = 0
        self._paused = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.gone = ""
        """Why no request can be made any more; empty while one can."""
        stream.user = self

    # Requests.
    async def stat(self, path: Name, *, follow: bool) -> wire.FileFacts:
        answer = await self.one(lambda n: wire.Stat(id=n, path=path, follow=follow))
        if len(answer.files) != 1:
            self._violate("answered a stat with no facts")
            raise Failed(f"{self._device} gave no facts")
        return answer.files[0]

    async def home(self) -> Name:
        """The home of the account that the shim is."""
        answer = await self.one(lambda n: wire.Home(id=n))
        if len(answer.files) != 1:
            self._violate("answered where its home is with no path")
            raise Failed(f"{self._device} gave no home")
        return Name(answer.files[0].name)

    async def open(self, path: Name) -> Opened:
        """Opens a file; one of at most SMALL bytes is read with it."""

        def opening(number: int) -> wire.StreamDown:
            closing, self._closing = self._closing, []
            return wire.OpenFile(id=number, path=path, follow=True, whole=SMALL, closing=closing)

        request = await self._ask(opening, SMALL, may_be_without=True)
        try:
            answer = await self._next(request)
        finally:
            self._give_up(request)
        size = answer.files[0].size if answer.files else None
        return Opened(answer.handle, size, bytes(request.data) if answer.bytes else None)

    async def read(self, handle: int, offset: int, length: int) -> bytes:
        """At most `length` bytes, themselves at most PIECE; none at the end."""
        return await self._bytes(
            lambda n: wire.Read(id=n, handle=handle, offset=offset, length=length), length
        )

    async def read_link(self, path: Name) -> bytes:
        """What the link at a path says."""
        return await self._bytes(lambda n: wire.ReadLink(id=n, path=path), PIECE)

    def close_soon(self, handle: int) -> None:
        """Closes a handle with the next opening, or in a second: a message less for each file."""
        self._closing.append(handle)
        if len(self._closing) == CLOSING:
            self._close()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(CLOSE_S, self._close)

    def _close(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._closing and not self.gone:
            self._stream.send(wire.Free(handles=self._closing))
        self._closing = []

    async def list(self, path: Name) -> AsyncIterator[list[wire.FileFacts]]:
        """The entries of a folder, in parts."""
        request = await self._ask(lambda n: wire.ListFolder(id=n, path=path), many=True)
        try:
            while not (request.over and not request.answers):
                yield (await self._next(request)).files
        finally:
            self._give_up(request)

    async def _bytes(self, make: Callable[[int], wire.StreamDown], at_most: int) -> bytes:
        request = await self._ask(make, at_most)
        try:
            await self._next(request)
        finally:
            self._give_up(request)
        return bytes(request.data)

    async def one(self, make: Callable[[int], wire.StreamDown]) -> wire.Answer:
        """A request that is answered once."""
        return await self.answered(await self._ask(make))

    async def write(self, handle: int, offset: int, data: bytes) -> "_Request":
        """Sends a write, after those before it; whoever asks awaits `answered`."""
        return await self._ask(
            lambda n: wire.Write(id=n, handle=handle, offset=offset, length=len(data)), data=data
        )

    async def answered(self, request: "_Request") -> wire.Answer:
        """The one answer to a request; raises what the device says instead."""
        try:
            return await self._next(request)
        finally:
            self._give_up(request)

    async def _ask(
        self,
        make: Callable[[int], wire.StreamDown],
        bytes_at_most: int = 0,
        many: bool = False,
        may_be_without: bool = False,
        data: bytes = b"",
    ) -> _Request:
        if self._slots.locked():
            async with self._in_time():
                await self._slots.acquire()
        else:
            await self._slots.acquire()
        try:
            if data and not self._stream.writable:
                await self._writable()
            if self.gone:
                raise Unreachable(self.gone)
        except BaseException:
            self._slots.release()
            raise
        self._number += 1
        request = _Request(bytes_at_most, many, may_be_without)
        self._under_way[self._number] = request
        self._stream.send(make(self._number))
        if data:
            self._stream.send_bytes(data)
        return request

    async def _writable(self) -> None:
        """Until the stream takes bytes: what the device has not taken yet is bounded."""
        async with self._in_time():
            while not self._stream.writable and not self.gone:
                self._may_write.clear()
                await self._may_write.wait()

    async def _next(self, request: _Request) -> wire.Answer:
        """The next answer to it; raises what the device says, or that it does not."""
        self._waiting += 1
        try:
            while not request.answers and request.failed is None:
                request.grew.clear()  # first: what the stream held comes within `_flow`
                self._flow()
                async with self._in_time():
                    await request.grew.wait()
        finally:
            self._waiting -= 1
        if not request.answers:
            assert request.failed is not None
            raise request.failed
        answer = request.answers.popleft()
        self._let_go(request, _cost(answer))
        if answer.error:
            raise self._said(answer)
        return answer

    def _said(self, answer: wire.Answer) -> FirelineError:
        """The device's error in its own class, with the number behind it as the cause."""
        sentence, number = visible(answer.error), answer.errno or errno.EIO
        if self._device not in sentence:
            sentence = f"{self._device}: {sentence}"
        error = from_code(answer.code, sentence)
        error.__cause__ = OSError(number, sentence)
        return error

    def _in_time(self) -> "_InTime":
        return _InTime(f"{self._device} did not answer within {ANSWER_S:g} s")

    def _give_up(self, request: _Request) -> None:
        request.given_up = True
        request.answers.clear()
        self._let_go(request, request.held)

    # The stream's callbacks.
    def on_message(self, message: wire.StreamUp) -> None:
        if not isinstance(message, wire.Answer) or self._filling is not None:
            self._violate("sent a message where an answer or its bytes belong")
            return
        request = self._under_way.get(message.id)
        if request is None:
            self._violate("answered what nobody asked for")
        elif message.bytes is None or message.error:
            if request.bytes_at_most and not (message.error or request.may_be_without):
                self._violate("answered a read without bytes")
                return
            self._took(message.id, request, message)
        elif message.bytes > request.bytes_at_most:
            self._violate(f"sent {message.bytes:,} bytes for {request.bytes_at_most:,}")
        elif message.bytes == 0:
            self._took(message.id, request, message)
        else:
            self._filling, self._left = (request, message), message.bytes

    def on_bytes(self, data: bytes) -> None:
        if self._filling is None or len(data) > self._left:
            self._violate("sent bytes that no answer announced")
            return
        request, answer = self._filling
        self._left -= len(data)
        if not request.given_up:
            request.data += data
        if self._left == 0:
            self._filling = None
            self._took(answer.id, request, answer)

    def on_stream_gone(self, reason: str) -> None:
        self.gone = f"{self._device}: {visible(reason)}"
        self._close()
        requests = list(self._under_way.values())
        self._under_way.clear()
        self._filling = None
        self._may_write.set()
        for request in requests:
            request.over = True
            request.failed = Unreachable(self.gone)
            request.grew.set()
            self._slots.release()

    def on_item(self, item: items.Sent) -> None:
        self._violate("sent an item while it serves files")

    def on_writing(self, may: bool) -> None:
        if may:
            self._may_write.set()

    def on_away(self) -> None: ...

    def on_back(self) -> None:
        self._may_write.set()

    # Inside.
    def _took(self, number: int, request: _Request, answer: wire.Answer) -> None:
        request.over = not (request.many and answer.more and not answer.error)
        if request.over:
            del self._under_way[number]
            self._slots.release()
        if request.given_up and answer.handle:
            self.close_soon(answer.handle)  # nobody will ask for it any more
        elif not request.given_up:
            request.answers.append(answer)
            request.held += _cost(answer)
            self._held += _cost(answer)
            if self._held > MOST_HELD:
                request.failed = Failed(f"{self._device}: the folder has too many entries to list")
                self._give_up(request)
        request.grew.set()
        self._flow()

    def _let_go(self, request: _Request, cost: int) -> None:
        request.held -= cost
        self._held -= cost

    def _flow(self) -> None:
        """Reads the stream, or does not: see 3 above."""
        pause = self._held > HELD and self._waiting == 0
        if pause != self._paused:
            self._paused = pause
            self._stream.pause() if pause else self._stream.resume()

    def _violate(self, what: str) -> None:
        self._stream.on_violation(what)
        self._stream.end(f"the device {what}")


class _InTime:
    """A time limit whose end is a sentence."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._timeout = asyncio.timeout(ANSWER_S)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: object) -> None:
        try:
            await self._timeout.__aexit__(*raised)  # type: ignore[arg-type]
        except TimeoutError:
            raise Unreachable(self._sentence) from None


def _cost(answer: wire.Answer) -> int:
    """What a part of a list holds, roughly; nothing for any other answer."""
    return sum(ENTRY + len(facts.name) for facts in answer.files)
