"""Field reports k32: what a recording keeps of floods, of bytes that are no text, of any window."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from server.audit.chunks import SIZE, Kind, Reader
from tests.journeys.field import DEVICE, Field
from tests.journeys.rig import House
from tests.journeys.screen import Screen

MIB = 1 << 20
BUDGET, RESERVE, STORE = 24 * MIB, 16 * MIB, 220 * MIB


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[House]:
    """A broker with 200 MB left for all that it keeps."""
    place = tmp_path / "store"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={STORE}", "none", str(place)]
    subprocess.run(words, check=True)
    limits = {"reserve_bytes": RESERVE, "recording_bytes": BUDGET}
    try:
        with House(place / "house", limits) as house:
            house.start_shim(DEVICE)
            yield house
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def free(house: House) -> int:
    found = os.statvfs(house.home)
    return found.f_bavail * found.f_frsize


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_flood_audit_ends_its_own_session_with_the_limit_in_the_record(small_store: House) -> None:
    house = small_store
    assert free(house) < STORE < 1 << 30
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=100) as other:
        other.until(rf"^{DEVICE} .*>$")
        flood = subprocess.run(
            house.ssh(f"shell {DEVICE}", "-tt"), input=b"yes | head -c 1G; exit\n",
            capture_output=True, timeout=90, check=False,
        )  # fmt: skip
        session = house.sessions()[-1]
        assert flood.returncode == 3
        reason = f"the recording of {session} reached its budget of {BUDGET:,} bytes"
        assert reason.encode() in flood.stdout
        other.enter("pwd")
        other.until("^/$")
        other.enter("exit")
        assert other.status() == 0
    (ended,) = house.of_kind("session_ended", session)
    assert reason in ended["reason"]
    # Nothing was shown that is not kept, and nothing was cut out of it.
    shown = flood.stdout[flood.stdout.index(b"\ny\r\n") : flood.stdout.rindex(b"y\r\n")]
    kept = house.recorded(session)
    assert len(shown) > BUDGET // 2 and shown in kept
    assert len(kept) <= BUDGET < ended["recording_bytes"] + 2 * MIB
    assert free(house) > RESERVE
    status, said = house.admin(f"verify {session}")
    assert status == 0, said


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
