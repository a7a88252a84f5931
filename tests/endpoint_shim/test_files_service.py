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
