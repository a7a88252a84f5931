"""Searching trees that never end, hang, are deep, or refuse."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.errors import NotUnderstood
from commands.language.host.files import FileRow
from commands.language.names import Name, from_bytes
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.dead_mount import beside_a_dead_mount
from tests.endpoint_shim.linux.open_policy import OpenPolicy

LARGE = ("/home", "/opt", "/root", "/tmp", "/usr", "/var", "/work")


async def found(pattern: str, start: Path, *off_limits: str) -> tuple[list[FileRow], list[str]]:
    search = LinuxFiles(Name("/"), OpenPolicy(*off_limits)).find(pattern, Name(str(start)))
    rows, said = [], []
    async for one in search:
        if isinstance(one, str):
            said.append(one)
        else:
            rows.append(one)
    return rows, said


async def names(pattern: str, start: Path) -> list[str]:
    rows, said = await found(pattern, start)
    assert said == []
    return sorted(row.path.removeprefix(f"{start}/") for row in rows)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree 5,000 folders deep with a file at the bottom."""
    here = os.open(".", os.O_PATH)
    os.chdir(tmp_path)
    try:
        for _ in range(5000):
            os.mkdir("d")
            os.chdir("d")
        Path("bottom.txt").write_text("bottom\n")
        bottom = os.open(".", os.O_PATH)
        os.fchdir(here)
        yield tmp_path
        # From the bottom up: shutil.rmtree and pytest's own cleaning are recursive, rm takes 7 s.
        os.fchdir(bottom)
        os.close(bottom)
        os.unlink("bottom.txt")
        for _ in range(5000):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.fchdir(here)
        os.close(here)


async def test_globs_match_names_by_case_and_brackets_by_themselves(tmp_path: Path) -> None:
    for name in ("setup[1].exe", "setup1.exe", "Setup1.exe", ".setup1.exe", "ä.txt"):
        (tmp_path / name).touch()
    assert await names("setup[1].exe", tmp_path) == ["setup1.exe"]
    assert await names("setup[[]1].exe", tmp_path) == ["setup[1].exe"]
    assert await names("*setup?.exe", tmp_path) == [".setup1.exe", "setup1.exe"]
    assert await names("?.txt", tmp_path) == ["ä.txt"]


async def test_names_that_are_no_text_match_and_are_typed_back_in_their_raw_form(
    tmp_path: Path,
) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/i\xff\xfe.log")).touch()
    rows, _ = await found("*.log", tmp_path)
    assert [row.path for row in rows] == [from_bytes(os.fsencode(tmp_path) + b"/i\xff\xfe.log")]
    assert len((await found("raw:i%FF%FE.log", tmp_path))[0]) == 1


async def test_a_pattern_with_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="without folders"):
        await found("etc/passwd", tmp_path)


async def test_links_to_a_parent_and_to_each_other_are_shown_not_followed(tmp_path: Path) -> None:
    (tmp_path / "Application Data").symlink_to(".")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "needle.txt").touch()
    assert await names("needle.txt", tmp_path) == ["needle.txt"]
    assert await names("Application*", tmp_path) == ["Application Data"]


async def test_a_tree_5_000_folders_deep_is_searched_to_a_file_that_opens_by_its_path(
    deep: Path,
) -> None:
    began = time.monotonic()
    rows, said = await found("bottom.txt", deep)
    assert [row.path for row in rows] == [f"{deep}/{'d/' * 5000}bottom.txt"]
    assert rows[0].size == 7 and said == []
    assert time.monotonic() - began < 10
    handle = await LinuxFiles(Name("/"), OpenPolicy()).open(Name(rows[0].path))
    assert await handle.read(0, 10) == b"bottom\n"
    await handle.close()


async def test_a_deep_tree_is_walked_with_few_handles(tmp_path: Path) -> None:
    at = tmp_path
    for _ in range(100):
        at = at / "d"
        at.mkdir()
        (at / "z").mkdir()  # found again on the way up
        (at / "z" / "needle").touch()
    search = LinuxFiles(Name("/"), OpenPolicy()).find("needle", Name(str(tmp_path)))
    before = len(os.listdir("/proc/self/fd"))
    most = count = 0
    async for _ in search:
        count += 1
        most = max(most, len(os.listdir("/proc/self/fd")))
    assert count == 100
    assert most - before < 40
    assert len(os.listdir("/proc/self/fd")) == before


async def test_every_name_of_a_tree_with_odd_names_is_found(tmp_path: Path) -> None:
    made = set()
    for number in range(3000):
        name = f"it's \"{number}\"\n \t'x' .n".encode() + (b"\xff" if number % 7 == 0 else b"")
        folder = os.fsencode(tmp_path / f"f{number % 50}")
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(folder + b"/" + name, os.O_CREAT | os.O_WRONLY))
        made.add(from_bytes(folder + b"/" + name))
    rows, _ = await found("it's*", tmp_path)
    assert len(rows) == 3000 and {row.path for row in rows} == made


async def test_what_the_policy_keeps_is_left_out_and_said(tmp_path: Path) -> None:
    for name in ("open", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "needle").touch()
    rows, said = await found("needle", tmp_path, str(tmp_path / "secret"))
    assert [row.path for row in rows] == [f"{tmp_path}/open/needle"]
    assert said == [f"left out, off limits on this device: {tmp_path}/secret"]


async def test_without_a_start_proc_and_sys_are_left_out_and_said() -> None:
    search = LinuxFiles(Name("/"), OpenPolicy(*LARGE)).find("no such name at all", None)
    said = [one async for one in search if isinstance(one, str)]
    assert "/proc (proc)" in said[0] and "/sys (sysfs)" in said[0]


async def test_a_search_that_nobody_wants_any_more_lets_go_of_its_handles() -> None:
    before = set(os.listdir("/proc/self/fd"))
    search = LinuxFiles(Name("/"), OpenPolicy()).find("*", Name("/usr"))
    async for _ in search:
        break
    await search.aclose()  # type: ignore[attr-defined]
    until = time.monotonic() + 5
    while set(os.listdir("/proc/self/fd")) - before and time.monotonic() < until:
        await asyncio.to_thread(lambda: None)
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.mark.needs("unshare")
def test_a_dead_mount_is_left_out_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "needle").touch()
    code = """
import asyncio
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.open_policy import OpenPolicy

async def main():
    async for one in LinuxFiles("/", OpenPolicy()).find("[mn]*", folder):
        print(one if isinstance(one, str) else f"{one.path} {one.kind}")

asyncio.run(main())
"""
    said = beside_a_dead_mount(tmp_path, code).splitlines()
    assert sorted(said) == [
        f"{tmp_path}/mnt directory",
        f"{tmp_path}/needle file",
        f"left out, no local file systems: {tmp_path}/mnt (fuse)",
    ]


@pytest.mark.needs("unshare", "mount")
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_bind_mount_to_a_parent_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "needle").touch()
    (tmp_path / "loop").mkdir()
    code = """
import asyncio, subprocess
subprocess.run(["mount", "--bind", folder, folder + "/loop"], check=True)
from endpoint_shim.linux.files import LinuxFiles
from tests.endpoint_shim.linux.open_policy import OpenPolicy

async def main():
    async for one in LinuxFiles("/", OpenPolicy()).find("needle", folder):
        print(one if isinstance(one, str) else one.path)

asyncio.run(main())
"""
    said = beside_a_dead_mount(tmp_path, code).splitlines()
    assert said[0] == f"{tmp_path}/needle"
    assert f"left out, the same folders in another place: {tmp_path}/loop" in said
    assert len(said) == 3
