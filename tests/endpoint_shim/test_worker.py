"""A worker's stream: items and bytes, windows, cancel, resume, limits, hostile orders."""

import asyncio
import hashlib
import os
import re
import signal
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.items import Done, Into, Taken, Written
from commands.language.window import Sent
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.test_supervisor import TOKEN, Shim, opened, start, workers_of
from tests.endpoint_shim.waiting import until

MIB = 1024 * 1024


async def test_a_file_arrives_whole_with_its_digest(door: Door, shim: Shim, tmp_path: Path) -> None:
    data = os.urandom(5 * MIB + 17)
    (tmp_path / "f").write_bytes(data)
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    came, done = await peer.until_done()
    assert done == Done()
    assert b"".join(one for one in came if isinstance(one, bytes)) == data
    assert Taken(len(data), hashlib.sha256(data).hexdigest()) in came


async def test_what_is_not_acknowledged_stops_the_source(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    taken = 0
    while taken < wire.WINDOW:
        taken += len(await peer.next(bytes))
    # Two quiet beats of the worker: it has nothing more to give without an Ack.
    worker = workers_of(shim)[0]
    assert await _settled(worker) and peer.came.empty()
    peer.acknowledging = True
    peer.say(wire.Ack(frames=peer.got.said()))
    _, done = await peer.until_done()
    assert done == Done()


async def _settled(pid: int) -> bool:
    """Whether a process used no processor time between two looks."""
    before = _ticks(pid)
    for _ in range(100):
        await asyncio.sleep(0.05)
        if before == (before := _ticks(pid)):
            return True
    return False


def _ticks(pid: int) -> tuple[str, ...]:
    return tuple(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])


@pytest.mark.parametrize("broken_after", [100_000, 3 * MIB])
async def test_a_stream_that_breaks_goes_on_without_loss(
    door: Door, shim: Shim, tmp_path: Path, broken_after: int
) -> None:
    data = os.urandom(6 * MIB)
    (tmp_path / "f").write_bytes(data)
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    got = bytearray()
    while len(got) < broken_after:
        got += await peer.next(bytes)
    peer.pause()
    peer.abort("a cable")
    # What had come before the break counts as come.
    while not isinstance(frame := await peer.came.get(), ConnectionError):
        got += frame if isinstance(frame, bytes) else b""
    again, first = await door.stream()
    assert first == wire.Resume(stream="S1.w1", frames=1)
    again.got.count = peer.got.count
    again.say(wire.Resumed(frames=peer.got.count))
    came, done = await again.until_done()
    for one in came:
        got += one if isinstance(one, bytes) else b""
    assert done == Done() and bytes(got) == data


async def test_a_stream_that_breaks_before_its_first_order_is_dialled_again_with_its_token(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"all of it")
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.abort("a cable")  # whether the broker ever read the token, the worker cannot know
    again, first = await door.stream()
    assert first == wire.Resume(stream="S1.w1", frames=0, token=TOKEN)
    again.say(wire.Resumed(frames=0))
    again.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    came, done = await again.until_done()
    assert b"all of it" in came and done == Done()


async def test_a_stream_that_breaks_between_two_commands_takes_the_second(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    for number in (1, 2):
        (tmp_path / str(number)).write_bytes(b"%d of two" % number)
        peer.say(start(number, {"word": "getfile", "path": str(tmp_path / str(number))}))
        came, done = await peer.until_done()
        assert b"%d of two" % number in came and done == Done()
        got, before = peer.got, peer
        before.say(wire.Ack(frames=got.said()))
        before.abort("a cable")
        peer, first = await door.stream()
        assert first == wire.Resume(stream="S1.w1", frames=number)
        peer.got.count = got.count
        peer.say(wire.Resumed(frames=got.count))
    peer.close(1008, "the stream has ended")
    assert (await line.next(wire.Gone)).stream == "S1.w1"


async def test_a_resume_that_the_broker_turns_away_ends_the_worker(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    await peer.next(bytes)
    peer.abort("a cable")
    again, _ = await door.stream()
    again.close(1008, "not to be resumed")
    assert (await line.next(wire.Gone)).stream == "S1.w1"


async def test_cancel_is_answered_at_once_and_stops_the_command(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    await peer.next(Into)
    line.say(wire.Cancel(stream="S1.w1", number=1))
    assert await peer.next(wire.Stopping) == wire.Stopping(number=1)
    assert (await peer.until_done())[1].code == "cancelled"
    peer.acknowledging = True
    peer.say(wire.Ack(frames=peer.got.said()))
    peer.say(start(2, {"word": "processes"}))
    assert (await peer.until_done())[1] == Done()


async def test_cancel_of_what_had_ended_changes_nothing(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, {"word": "processes"}))
    await peer.until_done()
    line.say(wire.Cancel(stream="S1.w1", number=1))
    peer.say(start(2, {"word": "processes"}))
    came, done = await peer.until_done()
    assert done == Done() and not any(isinstance(one, wire.Stopping) for one in came)


async def test_a_stopped_worker_is_killed_when_it_does_not_say_stopping(
    door: Door, shim: Shim
) -> None:
    line, _ = await door.line()
    await opened(door, line)
    os.kill(workers_of(shim)[0], signal.SIGSTOP)
    line.say(wire.Cancel(stream="S1.w1", number=1))
    gone = await line.next(wire.Gone)
    assert (gone.how, gone.message) == ("killed", "it did not stop when asked")


async def test_the_time_limit_ends_the_command(door: Door, shim: Shim, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}, limit_s=0.3))
    _, done = await peer.until_done()
    assert done.code == "timed_out" and "limit of 0.3 s" in done.message


async def test_input_is_acknowledged_as_it_is_taken_and_lands_whole(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB)
    digest = hashlib.sha256(data).hexdigest()
    line, _ = await door.line()
    peer = await opened(door, line)
    put = {"word": "putfile", "name": "x", "path": str(tmp_path / "x"), "sha256": digest}
    peer.say(start(1, {**put, "version": 1, "size": len(data)}, input=True))
    window = Sent()
    window.add(False, b"start")
    for at in range(0, len(data), wire.MAX_BYTES):
        peer.send_binary(data[at : at + wire.MAX_BYTES])
        window.add(True, data[at : at + wire.MAX_BYTES])
        while window.full:
            assert window.acknowledge((await peer.next(wire.AckUp)).frames)
    peer.say(wire.Eof())
    _, done = await peer.until_done()
    assert done == Done(), done
    assert (tmp_path / "x").read_bytes() == data


@pytest.mark.parametrize("came", [b"changed on the way", b"cut", b""])
async def test_what_arrives_with_another_digest_is_not_put(
    door: Door, shim: Shim, tmp_path: Path, came: bytes
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    meant = b"what the library holds"
    put = {"word": "putfile", "name": "x", "path": str(tmp_path / "x"), "size": len(meant)}
    peer.say(start(1, {**put, "sha256": hashlib.sha256(meant).hexdigest()}, input=True))
    if came:
        peer.send_binary(came)
    peer.say(wire.Eof())
    items, done = await peer.until_done()
    assert (done.code, done.message) == ("failed", "x arrived with another digest; nothing was put")
    assert not any(isinstance(one, Written) for one in items)
    assert not (tmp_path / "x").exists() and not list(tmp_path.glob(".fireline-*"))


@pytest.mark.parametrize(
    "order",
    [
        b'{"m":"start","command":{"word":"processes"},"number":1,"folder":"/","whatif":true}',
        b'{"m":"resumed","frames":1}',
        b'{"m":"ack","frames":9}',
        b"not json",
        b'{"m":"read","id":1,"handle":1,"offset":0,"length":-1}',
    ],
)
async def test_an_order_that_does_not_fit_ends_the_stream(
    door: Door, shim: Shim, order: bytes
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.send_text(order)
    gone = await line.next(wire.Gone)
    assert gone.how == "ended" and gone.message.startswith("the broker sent")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"word": "remediate"}, "not_understood"),
        ({"word": "processes", "whatif": True}, "not_understood"),
        ({"word": "library"}, "not_understood"),
        ({"word": "getfile", "path": "/nowhere/x"}, "failed"),
        ({"word": "getfile", "path": "/dev/null"}, "refused"),
    ],
)
async def test_a_command_that_cannot_run_ends_with_one_done(
    door: Door, shim: Shim, command: dict[str, object], code: str
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, command))
    came, done = await peer.until_done()
    assert (came[:0], done.code) == ([], code) and done.message
    peer.say(start(2, {"word": "processes"}))
    assert (await peer.until_done())[1] == Done()


async def test_files_are_listed_and_read_by_request(door: Door, shim: Shim, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(450):
        (folder / f"f{number}").write_bytes(b"x" * number)
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(wire.ListFolder(id=1, path=str(folder)))
    names, more = set(), True
    while more:
        answer = await peer.next(wire.Answer)
        names |= {one.name for one in answer.files}
        more = answer.more
    assert len(names) == 450
    peer.say(wire.Stat(id=2, path=str(folder / "f7")))
    assert (await peer.next(wire.Answer)).files[0].size == 7
    peer.say(wire.OpenFile(id=3, path=str(folder / "f400")))
    handle = (await peer.next(wire.Answer)).handle
    peer.say(wire.Read(id=4, handle=handle, offset=390, length=100))
    assert (await peer.next(wire.Answer)).bytes == 10
    assert await peer.next(bytes) == b"x" * 10
    peer.say(wire.Stat(id=5, path=str(folder / "none")))
    assert (await peer.next(wire.Answer)).errno == 2
    peer.say(wire.Free(handles=[handle]))
    peer.say(wire.Read(id=6, handle=handle, offset=0, length=1))
    assert "no file is open under the number" in (await peer.next(wire.Answer)).error


async def test_a_small_file_comes_with_its_opening_and_goes_with_the_next(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    for size in (0, 100, 101):
        (tmp_path / f"f{size}").write_bytes(b"x" * size)
    line, _ = await door.line()
    peer = await opened(door, line)
    handles: list[int] = []
    for number, (size, came) in enumerate([(100, 100), (101, None), (0, None)] * 10):
        path = str(tmp_path / f"f{size}")
        peer.say(wire.OpenFile(id=number, path=path, whole=100, closing=handles[-1:]))
        answer = await peer.next(wire.Answer)
        assert (answer.error, answer.bytes, answer.files[0].size) == ("", came, size)
        if came:
            assert await peer.next(bytes) == b"x" * size
        handles.append(answer.handle)
    assert len(set(handles)) == 30


async def test_input_beyond_the_window_ends_the_stream(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    # A command that takes no input: what is sent to it stays.
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}, input=True))
    await peer.next(Into)
    for _ in range(20):
        peer.send_binary(bytes(wire.MAX_BYTES))
    gone = await line.next(wire.Gone)
    assert "of input that nobody took" in gone.message


async def test_what_is_said_before_the_broker_has_answered_a_resume_is_sent_once(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    cut, said, answered = (tmp_path / name for name in ("cut", "said", "answered"))
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, {"word": "shell"}))
    # 2,000 ticks are more than a terminal holds: most of them have been read when it says so.
    words = (
        "upto() { for n in $(seq $1 $2); do echo tick-$n; done; }; "
        "await() { until [ -e $1 ]; do sleep 0.01; done; }; "
        f"upto 1 40; await {cut}; upto 41 2000; touch {said}; "
        f"await {answered}; upto 2001 2040; exit\r"
    )
    peer.send_binary(words.encode())
    shown = b""
    while b"tick-20\r" not in shown:
        shown += await peer.next(bytes)
    peer.abort("a cable")
    while not isinstance(frame := await peer.came.get(), ConnectionError):
        shown += frame if isinstance(frame, bytes) else b""
    again, _ = await door.stream()
    cut.touch()
    await until(said.exists)
    again.got.count = peer.got.count
    again.say(wire.Resumed(frames=peer.got.count))
    answered.touch()
    came, _ = await again.until_done()
    shown += b"".join(one for one in came if isinstance(one, bytes))
    assert [int(n) for n in re.findall(rb"tick-(\d+)\r", shown)] == [*range(1, 2041)]


async def test_an_end_that_came_while_the_line_was_down_is_told_when_it_is_back(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"all of it")
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.acknowledging = False
    peer.say(start(1, {"word": "getfile", "path": str(tmp_path / "f")}))
    await peer.until_done()  # it was heard, and not acknowledged: for the worker it is not there
    peer.abort("a cable")
    again, _ = await door.stream()
    again.say(wire.Resumed(frames=0))
    came, done = await again.until_done()
    assert b"all of it" in came and done == Done()
