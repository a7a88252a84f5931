"""The requests of an SFTP connection are held by the device's own policy, as its words are."""

import asyncio
import errno
from pathlib import Path

import pytest

from commands.language import wire
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.test_supervisor import opened

REQUESTS: dict[str, list[wire.StreamDown]] = {
    "getfile": [wire.OpenFile(id=1, path="/")],
    "dir": [
        wire.ListFolder(id=1, path="/"),
        wire.Stat(id=1, path="/"),
        wire.ReadLink(id=1, path="/"),
        wire.Home(id=1),
    ],
    "putfile": [
        wire.OpenWrite(id=1, path="/x", create=True),
        wire.MakeFolder(id=1, path="/x"),
        wire.Rename(id=1, path="/", to="/x"),
        wire.SetFacts(id=1, path="/", mode=0),
    ],
}


@pytest.fixture
def denying(door: Door, tmp_path: Path) -> None:
    """The device's policy denies them all, before its shim starts."""
    words = ", ".join(f'"{word}"' for word in REQUESTS)
    (tmp_path / "state/policy.toml").write_text(f"deny = [{words}]\n")


async def test_a_denied_word_denies_the_requests_that_do_the_same(
    door: Door, denying: None, shim: asyncio.subprocess.Process
) -> None:
    line, hello = await door.line()
    assert hello.policy == wire.Policy(deny=dict.fromkeys(REQUESTS, 1))
    peer = await opened(door, line)
    for denied, requests in REQUESTS.items():
        for request in requests:
            peer.say(request)
            answer = await peer.next(wire.Answer)
            assert (answer.code, answer.errno) == ("refused", errno.EACCES), request
            assert answer.error == (
                f"{denied} on web-01 by its own policy (policy.toml line 1); "
                "only the device's owner can change that"
            )


@pytest.mark.parametrize("sent", [b"12345", b"123"])
async def test_a_write_of_more_or_fewer_bytes_than_it_announced_ends_the_stream(
    door: Door, shim: asyncio.subprocess.Process, tmp_path: Path, sent: bytes
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(wire.OpenWrite(id=1, path=f"{tmp_path}/x", create=True))
    handle = (await peer.next(wire.Answer)).handle
    peer.say(wire.Write(id=2, handle=handle, offset=0, length=4))
    peer.send_binary(sent)
    peer.say(wire.Stat(id=3, path="/"))
    with pytest.raises(ConnectionError):
        await peer.next(wire.Answer)
    assert not (tmp_path / "x").exists()


async def test_a_stream_that_ends_drops_what_was_being_written(
    door: Door, shim: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    (tmp_path / "there").mkdir()
    peer.say(wire.OpenWrite(id=1, path=f"{tmp_path}/there/x", create=True))
    handle = (await peer.next(wire.Answer)).handle
    peer.say(wire.Write(id=2, handle=handle, offset=0, length=4))
    peer.send_binary(b"1234")
    assert (await peer.next(wire.Answer)).error == ""
    line.say(wire.End(session="S1"))
    assert (await line.next(wire.Ended)).left == []
    assert list((tmp_path / "there").iterdir()) == []


async def test_closing_files_counts_among_no_requests_that_are_under_way(
    door: Door, shim: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    (tmp_path / "there").write_bytes(b"there")
    peer.say(wire.OpenFile(id=1, path=f"{tmp_path}/there"))
    handle = (await peer.next(wire.Answer)).handle
    for number in range(2, 65):
        peer.say(wire.Stat(id=number, path="/"))
    peer.say(wire.Free(handles=[handle]))
    peer.say(wire.Stat(id=65, path="/"))
    assert {(await peer.next(wire.Answer)).id for _ in range(64)} == set(range(2, 66))


async def test_more_requests_at_once_than_agreed_end_the_stream(
    door: Door, shim: asyncio.subprocess.Process
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    for number in range(1, 1000):
        peer.say(wire.Stat(id=number, path="/"))
    with pytest.raises(ConnectionError):
        while True:
            await peer.next(wire.Answer)
