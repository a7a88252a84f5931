"""Field reports k32: what a recording keeps of floods, of bytes that are no text, of odd windows.

`flood-audit` is test_budgets.py's: a `yes` in a shell ends its session by the budget, and says so.
"""

import hashlib
import os
import re
from pathlib import Path

import asyncssh

from server.audit.chunks import SIZE, Kind, Reader
from tests.journeys.field import DEVICE, Field
from tests.journeys.screen import Screen


def shell(field: Field) -> Screen:
    return Screen(field.house.ssh(f"shell {DEVICE}", "-tt"), columns=100)


def test_binary_cat_is_kept_to_the_byte_and_played_again(field: Field, tmp_path: Path) -> None:
    random = tmp_path / "random"
    # No end mark of a string in it: what a terminal would swallow is not what is looked at here.
    random.write_bytes(os.urandom(100_000))
    with shell(field) as s:
        s.until(r"[#$]$")
        session = field.session()
        s.type("stty -opost -echo; printf BEG''IN; ")
        s.enter(f"cat {random}; printf E''ND; exit")
        assert s.status(60) == 0
    recorded = field.house.recorded(session)
    found = recorded[recorded.index(b"BEGIN") + 5 : recorded.rindex(b"END")]
    assert hashlib.sha256(found).digest() == hashlib.sha256(random.read_bytes()).digest()
    cast = field.house.run(f"replay {session} -output cast", host="fireline-auditor")
    assert cast.status == 0 and cast.out.startswith('{"version"')
    status, said = field.house.admin(f"verify {session}")
    assert status == 0, said


async def test_resize_zero_is_a_window_of_80_by_24_and_a_storms_last_size_counts(
    field: Field,
) -> None:
    """A client may claim any size, and any number of sizes in a second."""
    port = int(re.findall(r"Port (\d+)", (field.house.state / "ssh_config").read_text())[0])
    async with asyncssh.connect(
        "127.0.0.1", port, username="alice", client_keys=[str(field.house.state / "alice")],
        known_hosts=None, config=None, agent_path=None,
    ) as client:  # fmt: skip
        for size, told in (((0, 0), "24 80"), ((1, 1), "1 1"), ((65_535, 65_535), "500 1000")):
            process = await client.create_process(
                f"shell {DEVICE}", term_type="xterm", term_size=size, encoding=None
            )
            process.stdin.write(b"stty size; stty size > /dev/null; exit\n")
            out = await process.stdout.read()
            assert told.encode() in out, (size, out)
        process = await client.create_process(
            f"shell {DEVICE}", term_type="xterm", term_size=(80, 24), encoding=None
        )
        process.stdin.write(b"echo rea''dy; read line; stty size; exit\n")
        seen = b""
        while b"ready" not in seen:
            seen += await process.stdout.read(4096)
        for turn in range(200):
            process.change_terminal_size(80 + turn % 50, 24 + turn % 20)
        process.change_terminal_size(111, 37)
        process.stdin.write(b"\n")
        assert b"37 111" in await process.stdout.read()
    path = field.house.home / "recordings" / f"{field.session()}.rec"
    resizes = [chunk.data for chunk in Reader(path) if chunk.kind is Kind.RESIZE]
    assert SIZE.unpack(resizes[-1]) == (111, 37)
