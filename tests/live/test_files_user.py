"""Requests on a real stream, answered by a device that is played here, honest and not."""

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import Any

import pytest

from commands.language import items, wire
from commands.language.errors import Failed, FirelineError, Refused, Unreachable
from commands.language.names import Name
from server.live import files_user
from server.live.files_user import UNDER_WAY, FilesUser, Opened
from server.live.share import Keys
from server.live.stream import Stream

PATH = Name("/x")


class FarEnd:
    """The device's end of the socket: what it got, and what it says."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.came = asyncio.Event()
        self.writable, self.heard = True, asyncio.get_running_loop().time()
        self.closed = ""
        self.on_text: Any = None
        self.on_binary: Any = None
        self.on_writing: Any = None
        self.on_lost: Any = None

    def send_text(self, data: bytes) -> None:
        message = wire.stream_down.decode(data)
        if not isinstance(message, wire.Ack):
            self.got.append(message)
            self.came.set()

    def say(self, message: Any) -> None:
        self.on_text(wire.encode(message))

    def close(self, code: int, reason: str) -> None:
        self.closed = reason

    def ping(self) -> None: ...


class Played:
    """A stream with its user and its far end."""

    def __init__(self) -> None:
        self.stream = Stream("S1", "d1", 1, 60, Keys())
        self.far = FarEnd()
        self.stream.take(self.far)  # type: ignore[arg-type]
        self.violations: list[str] = []
        self.stream.on_violation = self.violations.append
        self.user = FilesUser(self.stream, "web-01")

    async def request(self) -> Any:
        """The next request that the device gets."""
        async with asyncio.timeout(5):
            await self.far.came.wait()
        request = self.far.got.pop(0)
        if not self.far.got:
            self.far.came.clear()
        return request


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    played = Played()
    yield played
    played.stream.end("the test is over")


def facts(name: str) -> wire.FileFacts:
    return wire.FileFacts(name=name, mode=0o100644)


async def test_answers_find_their_requests_in_any_order(played: Played) -> None:
    first = asyncio.create_task(played.user.stat(PATH, follow=True))
    second = asyncio.create_task(played.user.stat(Name("/y"), follow=False))
    one, two = await played.request(), await played.request()
    played.far.say(wire.Answer(id=two.id, files=[facts("y")]))
    played.far.say(wire.Answer(id=one.id, files=[facts("x")]))
    assert ((await first).name, (await second).name) == ("x", "y")


async def test_bytes_come_in_frames_and_are_the_reads(played: Played) -> None:
    reading = asyncio.create_task(played.user.read(7, 0, 100_000))
    request = await played.request()
    assert (request.handle, request.offset, request.length) == (7, 0, 100_000)
    played.far.say(wire.Answer(id=request.id, bytes=100_000))
    played.far.on_binary(b"a" * 65_536)
    played.far.on_binary(b"b" * 34_464)
    assert await reading == b"a" * 65_536 + b"b" * 34_464


async def test_no_bytes_are_the_end(played: Played) -> None:
    reading = asyncio.create_task(played.user.read(7, 0, 10))
    played.far.say(wire.Answer(id=(await played.request()).id, bytes=0))
    assert await reading == b""


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("refused", Refused),
        ("failed", Failed),
        ("unreachable", Unreachable),
        ("", Failed),
        ("no such class", Failed),
    ],
)
async def test_what_the_device_says_is_said_on_in_its_class_with_its_number(
    played: Played, code: str, kind: type[FirelineError]
) -> None:
    opening = asyncio.create_task(played.user.open(PATH))
    number = (await played.request()).id
    played.far.say(wire.Answer(id=number, error="/x is \x1b[2J odd", code=code, errno=2**70))
    with pytest.raises(kind, match="web-01: /x is .* odd") as raised:
        await opening
    assert type(raised.value) is kind
    assert isinstance(raised.value.__cause__, OSError) and raised.value.__cause__.errno == 2**70
    assert "\x1b" not in str(raised.value)


async def test_a_device_that_names_itself_is_not_named_twice(played: Played) -> None:
    looking = asyncio.create_task(played.user.stat(PATH, follow=True))
    sentence = "/x on web-01 by its own policy (policy.toml line 1)"
    number = (await played.request()).id
    played.far.say(wire.Answer(id=number, error=sentence, code="refused", errno=errno.EACCES))
    with pytest.raises(Refused, match="^/x on web-01 by its own policy"):
        await looking


async def test_a_small_file_comes_with_its_opening(played: Played) -> None:
    for came in (b"hello", None):
        opening = asyncio.create_task(played.user.open(PATH))
        number = (await played.request()).id
        size = len(came) if came else None
        size_there = [wire.FileFacts(name="", mode=0, size=5)]
        played.far.say(wire.Answer(id=number, handle=7, files=size_there, bytes=size))
        if came:
            played.far.on_binary(came)
        assert await opening == Opened(7, 5, came)


async def test_what_is_closed_goes_with_the_next_opening_or_after_a_while(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.user.close_soon(3)
    played.user.close_soon(4)
    opening = asyncio.create_task(played.user.open(PATH))
    request = await played.request()
    assert request.closing == [3, 4]
    opening.cancel()
    await asyncio.wait([opening])
    monkeypatch.setattr(files_user, "CLOSE_S", 0.01)
    # What was opened for nobody is closed as well.
    played.far.say(wire.Answer(id=request.id, handle=5))
    played.user.close_soon(6)
    freed = await played.request()
    assert freed == wire.Free(handles=[5, 6])
    for handle in range(files_user.CLOSING):
        played.user.close_soon(handle)
    assert await played.request() == wire.Free(handles=list(range(files_user.CLOSING)))


async def test_a_link_is_answered_with_its_bytes(played: Played) -> None:
    reading = asyncio.create_task(played.user.read_link(PATH))
    request = await played.request()
    assert request == wire.ReadLink(id=request.id, path=PATH)
    played.far.say(wire.Answer(id=request.id, bytes=3))
    played.far.on_binary(b"\xff\x1bx")
    assert await reading == b"\xff\x1bx"


async def test_the_home_is_a_path_that_the_device_gives(played: Played) -> None:
    asking = asyncio.create_task(played.user.home())
    request = await played.request()
    assert request == wire.Home(id=request.id)
    played.far.say(wire.Answer(id=request.id, files=[facts("/root")]))
    assert await asking == "/root"


async def test_a_device_without_a_home_loses_its_stream(played: Played) -> None:
    asking = asyncio.create_task(played.user.home())
    played.far.say(wire.Answer(id=(await played.request()).id))
    with pytest.raises(Failed, match="gave no home"):
        await asking
    assert played.violations == ["answered where its home is with no path"]


async def test_a_list_comes_in_parts(played: Played) -> None:
    async def all_of() -> list[str]:
        return [f.name async for part in played.user.list(PATH) for f in part]

    listing = asyncio.create_task(all_of())
    number = (await played.request()).id
    played.far.say(wire.Answer(id=number, files=[facts("a"), facts("b")], more=True))
    played.far.say(wire.Answer(id=number, files=[facts("c")]))
    assert await listing == ["a", "b", "c"]


async def test_a_list_that_nobody_reads_pauses_the_stream(played: Played) -> None:
    source = played.user.list(PATH)
    first = asyncio.ensure_future(anext(source))
    number = (await played.request()).id
    part = [facts(f"{n:04}" + "x" * 1000) for n in range(2000)]
    played.far.say(wire.Answer(id=number, files=part, more=True))
    assert len(await first) == 2000
    played.far.say(wire.Answer(id=number, files=part, more=True))
    assert played.stream.paused
    assert len(await anext(source)) == 2000
    waiting = asyncio.ensure_future(anext(source))
    await asyncio.sleep(0)
    assert not played.stream.paused
    played.far.say(wire.Answer(id=number, files=[facts("end")]))
    assert len(await waiting) == 1
    with pytest.raises(StopAsyncIteration):
        await anext(source)


async def test_at_most_so_many_are_under_way_even_when_given_up(played: Played) -> None:
    tasks = [asyncio.create_task(played.user.read(1, n, 10)) for n in range(UNDER_WAY + 3)]
    numbers = [(await played.request()).id for _ in range(UNDER_WAY)]
    for task in tasks[:UNDER_WAY]:
        task.cancel()
    await asyncio.wait(tasks[:UNDER_WAY])
    await asyncio.sleep(0)
    assert played.far.got == []
    played.far.say(wire.Answer(id=numbers[0], bytes=3))
    played.far.on_binary(b"old")
    later = await played.request()
    played.far.say(wire.Answer(id=later.id, bytes=3))
    played.far.on_binary(b"new")
    assert await tasks[UNDER_WAY] == b"new"
    for task in tasks:
        task.cancel()


async def test_a_device_that_does_not_answer_is_not_waited_for(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_user, "ANSWER_S", 0.01)
    with pytest.raises(Unreachable, match=r"web-01 did not answer within 0\.01 s"):
        await played.user.stat(PATH, follow=True)


async def test_the_streams_end_is_every_requests_end(played: Played) -> None:
    tasks = [asyncio.create_task(played.user.stat(PATH, follow=True)) for _ in range(3)]
    await played.request()
    played.stream.end("its worker ended")
    for task in tasks:
        with pytest.raises(Unreachable, match="its worker ended"):
            await task
    with pytest.raises(Unreachable, match="its worker ended"):
        await played.user.stat(PATH, follow=True)


@pytest.mark.parametrize(
    ("lies", "what"),
    [
        ([wire.Answer(id=99)], "nobody asked for"),
        ([wire.Answer(id=1, bytes=11)], "sent 11 bytes for 10"),
        ([wire.Answer(id=1)], "answered a read without bytes"),
        ([b"bytes"], "sent bytes that no answer announced"),
        ([wire.Answer(id=1, bytes=3), b"four"], "sent bytes that no answer announced"),
        ([wire.Answer(id=1, bytes=3), wire.Answer(id=1)], "where an answer or its bytes belong"),
        ([wire.Quiet(on=True)], "where an answer or its bytes belong"),
        ([wire.Stopping(number=1)], "where an answer or its bytes belong"),
        ([items.Note("hello")], "sent an item while it serves files"),
    ],
)
async def test_a_device_that_lies_loses_its_stream(
    played: Played, lies: list[Any], what: str
) -> None:
    reading = asyncio.create_task(played.user.read(1, 0, 10))
    assert (await played.request()).id == 1
    for lie in lies:
        if isinstance(lie, bytes):
            played.far.on_binary(lie)
        elif isinstance(lie, items.Note):
            played.far.on_text(items.encode(lie))
        else:
            played.far.say(lie)
    assert [what in told for told in played.violations] == [True]
    assert played.far.closed
    with pytest.raises(Unreachable):
        await reading
