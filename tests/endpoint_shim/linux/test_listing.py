"""Folders that are hard to list."""

import os
import resource
import time
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.host.files import FileRow
from commands.language.names import Name, from_bytes
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.dead_mount import beside_a_dead_mount
from tests.endpoint_shim.linux.open_policy import OpenPolicy


def files(folder: Path, *off_limits: str) -> LinuxFiles:
    return LinuxFiles(from_bytes(os.fsencode(folder)), OpenPolicy(*off_limits))


async def listed(folder: Path, path: str | None = None, *off_limits: str) -> dict[str, FileRow]:
    rows = [row async for row in files(folder, *off_limits).list(Name(path) if path else None)]
    by_name = {row.path.removeprefix(f"{folder}/"): row for row in rows}
    assert len(by_name) == len(rows)
    return by_name


async def test_a_row_holds_kind_size_times_and_flags(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    (tmp_path / ".hidden").touch(mode=0o444)
    (tmp_path / "folder").mkdir()
    os.utime(tmp_path / "a.txt", ns=(0, 1_000_000_000_123_456_789))
    rows = await listed(tmp_path)
    assert list(rows) == [".hidden", "a.txt", "folder"]
    plain = rows["a.txt"]
    assert (plain.size, plain.modified, plain.kind) == (5, 1_000_000_000_123, "file")
    assert (plain.hidden, plain.read_only, plain.is_directory) == (False, False, False)
    assert (rows[".hidden"].hidden, rows[".hidden"].read_only) == (True, True)
    assert rows["folder"].is_directory and rows["folder"].size is None


async def test_links_are_shown_with_their_targets_and_not_followed(tmp_path: Path) -> None:
    targets = [b"/nowhere/at/all", b"x" * 4000, b"\xff\xfe\x1b[2J", b"self", b"/" * 3000]
    for number, target in enumerate(targets):
        os.symlink(target, os.fsencode(tmp_path / f"link{number}"))
    (tmp_path / "good.txt").touch()
    rows = await listed(tmp_path)
    assert [rows[f"link{n}"].target for n in range(5)] == [from_bytes(t) for t in targets]
    assert {rows[f"link{n}"].kind for n in range(5)} == {"link"}
    assert rows["good.txt"].error == ""


async def test_pipes_sockets_and_devices_are_named_by_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    rows = await listed(tmp_path)
    assert rows["pipe"].kind == "pipe"
    assert (await listed(Path("/dev")))["null"].kind == "character"


@pytest.mark.parametrize(
    "name",
    [
        *(b"x\x1b]0;owned\x07.txt", b"y\nz", b"invoice\xe2\x80\xaefdp.exe", b"\xff\xfe", b"a  b "),
        *(b"a#!001", b"setup[1].exe", b"-rf", b"raw:x", b'it\'s $HOME "x" [1].txt', b"*.log"),
    ],
)
async def test_any_name_comes_back_and_opens_the_same_file(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    (tmp_path / "setup1.exe").touch()
    rows = [row async for row in files(tmp_path).list(None)]
    found = next(row for row in rows if row.size)
    assert found.path == from_bytes(os.fsencode(tmp_path) + b"/" + name)
    handle = await files(tmp_path).open(found.path)
    assert await handle.read(0, 100) == name
    await handle.close()


async def test_times_outside_any_calendar_keep_their_number(tmp_path: Path) -> None:
    far = 900_000_000_000  # in the year 30,490
    with_room = Path("/dev/shm") if os.path.ismount("/dev/shm") else tmp_path
    odd = with_room / f"fireline-far-{os.getpid()}"
    odd.touch()
    try:
        os.utime(odd, (far, far))
        if os.stat(odd).st_mtime != far:
            pytest.skip("no file system here keeps such times")
        row = (await listed(with_room))[odd.name]
    finally:
        odd.unlink()
    assert row.modified == far * 1000
    assert "out of range" in row.error


async def test_60_000_entries_stream_at_once_in_flat_memory(tmp_path: Path) -> None:
    for number in range(60_000):
        os.close(os.open(tmp_path / f"component_{number:06}", os.O_CREAT | os.O_WRONLY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, first, count = time.monotonic(), 0.0, 0
    async for _ in files(tmp_path).list(None):
        first = first or time.monotonic() - began
        count += 1
    assert count == 60_000
    assert first < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB


async def test_a_file_is_its_own_row_and_a_link_to_a_folder_only_with_a_slash(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    (tmp_path / "link").symlink_to("folder")
    assert list(await listed(tmp_path, "folder/inside")) == ["folder/inside"]
    assert (await listed(tmp_path, "link"))["link"].target == "folder"
    assert list(await listed(tmp_path, "link/")) == ["link/inside"]


async def test_what_is_not_there_and_what_is_off_limits_is_said_by_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (tmp_path / "way").symlink_to("secret")
    with pytest.raises(Failed, match="nothing-here does not exist"):
        await listed(tmp_path, "nothing-here")
    with pytest.raises(Refused, match="policy"):
        await listed(tmp_path, "secret", str(secret))
    with pytest.raises(Refused, match="policy"):
        await listed(tmp_path, "way/", str(secret))
    rows = await listed(tmp_path, None, str(secret))
    assert "policy" in rows["secret"].error and rows["way"].error == ""


async def test_entering_gives_the_real_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "way").symlink_to("real")
    assert await files(tmp_path).enter(Name("way/../way")) == f"{tmp_path}/real"
    with pytest.raises(Failed, match="file is not there: a name on the way to it is no folder"):
        await files(tmp_path).enter(Name("file"))
    assert await files(tmp_path).absolute(Name("../x//y/.")) == f"{tmp_path.parent}/x/y"
    assert await files(tmp_path).absolute(None) == str(tmp_path)


@pytest.mark.needs("unshare")
def test_a_mount_that_hangs_is_listed_without_a_look(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = """
import asyncio
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.dead_mount import beside_a_dead_mount
from tests.endpoint_shim.linux.open_policy import OpenPolicy

async def main():
    async for row in LinuxFiles(folder, OpenPolicy()).list(None):
        print(row.path, row.kind, row.error)

asyncio.run(main())
"""
    said = beside_a_dead_mount(tmp_path, code).splitlines()
    assert said[0].split() == [f"{tmp_path}/file", "file"]
    assert said[1] == f"{tmp_path}/mnt directory fuse is mounted here; not looked at"
