"""Files taken by handle: no plain file, no size, growing, shrinking, full of holes."""

import asyncio
import hashlib
import os
import socket
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.host.files import Extent, FileHandle
from commands.language.names import Name
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.open_policy import OpenPolicy


async def opened(path: Path | str, *off_limits: str) -> FileHandle:
    return await LinuxFiles(Name("/"), OpenPolicy(*off_limits)).open(Name(str(path)))


async def whole(handle: FileHandle) -> bytes:
    data = b""
    while piece := await handle.read(len(data), 65_536):
        data += piece
    await handle.close()
    return data


async def test_a_file_is_read_from_anywhere_to_its_end(tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "f").write_bytes(data)
    handle = await opened(tmp_path / "f")
    assert (handle.size, handle.sized, handle.path) == (3_000_001, True, f"{tmp_path}/f")
    assert await handle.read(2_999_999, 10) == data[-2:]
    assert await handle.read(5, 3) == data[5:8]
    assert await whole(handle) == data


async def test_an_empty_file_is_a_file_with_a_size(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    handle = await opened(tmp_path / "empty")
    assert (handle.size, handle.sized) == (0, True)
    assert await whole(handle) == b""


@pytest.mark.parametrize(
    "path",
    ["/proc/cpuinfo", "/proc/sys/kernel/hostname", "/sys/kernel/mm/transparent_hugepage/enabled"],
)
async def test_files_of_the_kernel_are_read_to_their_end(path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    handle = await opened(path)
    assert not handle.sized and handle.size == 0
    assert await whole(handle) == Path(path).read_bytes() != b""


async def test_what_is_no_plain_file_is_refused_by_name_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
    for name, kind in (("pipe", "a pipe"), ("socket", "a socket"), (".", "a folder")):
        with pytest.raises(Refused, match=f"is {kind}, not a plain file; only plain files"):
            await opened(tmp_path / name)
    with pytest.raises(Refused, match="is a link to /etc/passwd, not a plain file; ask for that"):
        await opened(tmp_path / "link")
    with pytest.raises(Refused, match="/dev/zero is a character device, not a plain file"):
        await opened("/dev/zero")
    with pytest.raises(Failed, match="does not exist"):
        await opened(tmp_path / "nothing")


async def test_what_a_file_gains_after_its_opening_is_seen_beyond_its_size(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_bytes(b"a" * 100)
    handle = await opened(path)
    assert await handle.read(0, 100) == b"a" * 100
    with path.open("ab") as file:
        file.write(b"b" * 50)
    assert handle.size == 100
    assert await handle.read(100, 65_536) == b"b" * 50
    await handle.close()


async def test_a_file_that_shrinks_ends_early_and_never_gives_zeros(tmp_path: Path) -> None:
    path = tmp_path / "shrinks"
    path.write_bytes(b"x" * 4_000_000)
    handle = await opened(path)
    at = len(await handle.read(0, 65_536))
    os.truncate(path, 1_000)
    while piece := await handle.read(at, 65_536):
        assert piece == b"x" * len(piece)
        at += len(piece)
    assert at < handle.size == 4_000_000
    await handle.close()


async def test_the_handle_stays_with_its_file_when_the_name_is_given_to_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "f").write_bytes(b"first")
    handle = await opened(tmp_path / "f")
    (tmp_path / "g").write_bytes(b"other")
    os.rename(tmp_path / "g", tmp_path / "f")
    assert await whole(handle) == b"first"


async def test_a_link_on_the_way_does_not_lead_around_the_policy(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"k")
    (tmp_path / "way").symlink_to("secret")
    with pytest.raises(Refused, match="policy"):
        await opened(tmp_path / "way" / "key", str(tmp_path / "secret"))
    with pytest.raises(Refused, match="policy"):
        await opened(f"{tmp_path}/x/../secret/key", str(tmp_path / "secret"))


async def test_facts_hold_digests_owner_content_and_permissions(tmp_path: Path) -> None:
    files = LinuxFiles(Name(str(tmp_path)), OpenPolicy())
    (tmp_path / "way").symlink_to(".")
    data = b"#!/usr/bin/env bash\necho hello\n"
    (tmp_path / "s").write_bytes(data)
    os.chmod(tmp_path / "s", 0o4750)
    facts = await files.facts(Name("way/s"))
    assert (facts.path, facts.real_path) == (f"{tmp_path}/way/s", f"{tmp_path}/s")
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.md5 == hashlib.md5(data).hexdigest()
    assert facts.sha1 == hashlib.sha1(data).hexdigest()
    assert (facts.content, facts.permissions) == ("script /usr/bin/env", "-rwsr-x--- 4750")
    assert facts.links == 1 and facts.error == "" and facts.size == len(data)
    assert facts.owner in ("root", str(os.geteuid())) or os.geteuid() != 0


async def test_facts_of_a_pipe_a_link_and_a_file_of_the_kernel(tmp_path: Path) -> None:
    files = LinuxFiles(Name(str(tmp_path)), OpenPolicy())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("gone")
    assert (await files.facts(Name("pipe"))).kind == "pipe"
    link = await files.facts(Name("link"))
    assert (link.kind, link.target, link.sha256) == ("link", "gone", "")
    version = Path("/proc/version").read_bytes()
    facts = await files.facts(Name("/proc/version"))
    assert (facts.size, facts.sha256) == (len(version), hashlib.sha256(version).hexdigest())


async def test_facts_of_a_file_of_an_unknown_user_show_the_number(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 2_000_000_000, 2_000_000_001)
    facts = await LinuxFiles(Name("/"), OpenPolicy()).facts(Name(f"{tmp_path}/f"))
    assert (facts.owner, facts.group) == ("2000000000", "2000000001")


async def test_a_file_full_of_holes_keeps_its_bytes_in_place(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.seek(5 << 30)
        file.write(b"end")
    handle = await opened(tmp_path / "holes")
    assert handle.size == (5 << 30) + 3
    assert await handle.read((5 << 30) - 2, 10) == b"\0\0end"
    await handle.close()


async def test_the_digest_of_what_is_not_there_is_none(tmp_path: Path) -> None:
    files = LinuxFiles(Name(str(tmp_path)), OpenPolicy())
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("f")
    assert await files.digest(Name("f")) == hashlib.sha256(b"abc").hexdigest()
    assert await files.digest(Name("nothing/at/all")) is None
    with pytest.raises(Refused, match="is a link"):
        await files.digest(Name("link"))


async def test_an_opening_that_was_cancelled_leaves_no_handle(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(50):
        task = asyncio.create_task(opened(tmp_path / "f"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        while set(os.listdir("/proc/self/fd")) - before:
            await asyncio.to_thread(lambda: None)


async def test_holes_are_told_and_the_data_between_them(tmp_path: Path) -> None:
    mib = 1 << 20
    with (tmp_path / "f").open("wb") as file:
        file.write(b"a" * mib)
        file.seek(5 * mib)
        file.write(b"b" * mib)
        file.truncate(9 * mib)
    handle = await opened(tmp_path / "f")
    assert await handle.holes() == 7 * mib
    found, at = [], 0
    while at < handle.size:
        extent = await handle.extent(at)
        found.append(extent)
        at += extent.size
    assert found == [
        Extent(mib),
        Extent(4 * mib, hole=True),
        Extent(mib),
        Extent(3 * mib, hole=True),
    ]
    os.truncate(tmp_path / "f", 7 * mib)
    assert await handle.extent(6 * mib) == Extent(mib, hole=True)
    assert (await handle.extent(8 * mib)).size == 0
    await handle.close()
    assert await handle.extent(0) == Extent(0)


async def test_a_file_without_holes_and_one_without_a_size_are_data(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(1 << 20))
    handle = await opened(tmp_path / "f")
    assert await handle.holes() == 0
    assert await handle.extent(1) == Extent((1 << 20) - 1)
    await handle.close()
    handle = await opened("/proc/cpuinfo")
    assert await handle.holes() == 0
    await handle.close()
