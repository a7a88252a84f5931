"""The requests of an SFTP connection are held by the device's own policy, as its words are."""

import asyncio
import errno
from pathlib import Path

import pytest

from commands.language import wire
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.test_supervisor import opened


@pytest.mark.parametrize(
    ("denied", "request_of"),
    [
        ("getfile", lambda path: wire.OpenFile(id=1, path=path)),
        ("dir", lambda path: wire.ListFolder(id=1, path=path)),
        ("dir", lambda path: wire.Stat(id=1, path=path)),
        ("dir", lambda path: wire.ReadLink(id=1, path=path)),
        ("putfile", lambda path: wire.OpenWrite(id=1, path=f"{path}/x", create=True)),
        ("putfile", lambda path: wire.MakeFolder(id=1, path=f"{path}/x")),
        ("putfile", lambda path: wire.Rename(id=1, path=path, to=f"{path}/x")),
        ("putfile", lambda path: wire.SetFacts(id=1, path=path, mode=0)),
        ("dir", lambda path: wire.Home(id=1)),
    ],
)
async def test_a_denied_word_denies_the_request_that_does_the_same(
    door: Door, shim: asyncio.subprocess.Process, tmp_path: Path, denied: str, request_of: object
) -> None:
    line, _ = await door.line()
    (tmp_path / "state/policy.toml").write_text(f'deny = ["{denied}"]\n')
    assert (await line.next(wire.Report)).policy == wire.Policy(deny={denied: 1})
    peer = await opened(door, line)
    assert callable(request_of)
    peer.say(request_of("/"))
    answer = await peer.next(wire.Answer)
    assert (answer.code, answer.errno) == ("refused", errno.EACCES)
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
