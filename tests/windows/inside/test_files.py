"""Folders and files of a real Windows, by handle."""

import ctypes
import hashlib
import os
from ctypes import wintypes
from dataclasses import replace
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.host.files import Extent, FileRow
from commands.language.names import Name, from_text
from commands.language.wire import Policy as WirePolicy
from endpoint_shim import own
from endpoint_shim.plain_file import PlainFile
from endpoint_shim.policy import Policy
from endpoint_shim.windows import handles
from endpoint_shim.windows.entries import SPARSE
from endpoint_shim.windows.files import WindowsFiles
from endpoint_shim.windows.handles import OPEN_EXISTING, READ_DATA
from endpoint_shim.windows.kernel import close, kernel32, ntdll
from endpoint_shim.windows.paths import NotThere
from endpoint_shim.windows.reading import open_plain
from endpoint_shim.windows.stats import link_at, open_at

HIDDEN, READ_ONLY = 2, 1
NAMES = ("dot.", "space ", "con", "\u00fc\u2603\U0001f600", "x.", "UPPER", "lower")


def files(folder: Path, *off_limits: str) -> WindowsFiles:
    policy = Policy(WirePolicy(off_limits=dict.fromkeys(off_limits, 3)), "win-01")
    return WindowsFiles(from_text(str(folder)), policy)


async def rows(folder: WindowsFiles, path: str | None = None) -> dict[str, FileRow]:
    name = None if path is None else Name(path)
    return {str(row.path).rpartition("\\")[2]: row async for row in folder.list(name)}


def place(folder: Path, name: str, data: bytes = b"abc") -> None:
    with open(f"\\\\?\\{folder}\\{name}", "wb") as file:
        file.write(data)


async def test_names_that_windows_programs_trip_over_are_listed_and_found(tmp_path: Path) -> None:
    for name in NAMES:
        place(tmp_path, name)
    found = await rows(files(tmp_path))
    assert set(found) == set(NAMES)
    assert list(found) == sorted(NAMES, key=str.lower)
    for name in NAMES:
        one = await rows(files(tmp_path), name)
        assert one[name] == found[name] and one[name].size == 3


async def test_attributes_and_times(tmp_path: Path) -> None:
    for name in ("hidden", "fixed", "plain"):
        place(tmp_path, name)
    set_attributes = ctypes.WinDLL("kernel32").SetFileAttributesW
    assert set_attributes(str(tmp_path / "hidden"), HIDDEN)
    assert set_attributes(str(tmp_path / "fixed"), READ_ONLY)
    os.utime(tmp_path / "plain", ns=(0, 1_234_567_000_000))
    (tmp_path / "folder").mkdir()
    found = await rows(files(tmp_path))
    assert [found[n].hidden for n in ("hidden", "fixed", "plain")] == [True, False, False]
    assert [found[n].read_only for n in ("hidden", "fixed", "plain")] == [False, True, False]
    assert found["plain"].modified == 1_234_567 and found["plain"].created is not None
    assert found["folder"].is_directory and found["folder"].size is None
    assert found["plain"].compressed is False
    assert set_attributes(str(tmp_path / "fixed"), 0x80)


async def test_a_folder_of_many_entries_comes_whole(tmp_path: Path) -> None:
    for number in range(1500):
        place(tmp_path, f"{number:04} {'x' * 60}", b"")
    found = await rows(files(tmp_path))
    assert len(found) == 1500 and list(found) == sorted(found)


async def test_deep_paths_beyond_260_characters(tmp_path: Path) -> None:
    deep = "\\".join(["d" * 100] * 4)
    os.makedirs(f"\\\\?\\{tmp_path}\\{deep}")
    place(tmp_path, f"{deep}\\x")
    assert set(await rows(files(tmp_path), deep)) == {"x"}
    assert await files(tmp_path).digest(Name(f"{deep}\\x")) == hashlib.sha256(b"abc").hexdigest()


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for path in ("none", "none\\deeper", "Q:\\"):
        with pytest.raises(NotThere, match="does not exist"):
            await rows(files(tmp_path), path)
    with pytest.raises(Failed, match="no name that this system takes"):
        await rows(files(tmp_path), "a*b")


async def test_the_devices_policy_holds_for_every_spelling(tmp_path: Path) -> None:
    (tmp_path / "Secret").mkdir()
    place(tmp_path, "Secret\\x")
    guarded = files(tmp_path, str(tmp_path / "secret"))
    for path in ("Secret", "SECRET", "secret\\x", ".\\a\\..\\secret", "secret/x", "secret\\"):
        with pytest.raises(Refused, match=r"by its own policy \(policy.toml line 3\)"):
            await rows(guarded, path)
    with pytest.raises(Refused, match="policy"):
        await guarded.open(Name("secret\\x"))
    listed = (await rows(guarded))["Secret"]
    assert "policy" in listed.error and listed.size is None and not listed.is_directory


def short_name(path: Path) -> str:
    """The 8.3 spelling of a path."""
    found = ctypes.create_unicode_buffer(1024)
    assert ctypes.WinDLL("kernel32").GetShortPathNameW(str(path), found, 1024)
    return found.value


async def test_the_shims_own_files_are_reached_by_no_spelling(tmp_path: Path) -> None:
    state = tmp_path / "State of the shim"
    (state / "sessions" / "mine").mkdir(parents=True)
    place(state, "key.pem")
    place(state, "sessions\\mine\\x")
    free = [state / "sessions" / "mine", state / "kept"]
    policy = Policy(device="win-01", own=own.found(state, state / "policy.toml", free))
    guarded = WindowsFiles(from_text(str(tmp_path)), policy)
    os.link(state / "key.pem", tmp_path / "hard")
    short = short_name(state)
    assert short.lower() != str(state).lower() and "~" in short
    for path in (
        f"{state}\\key.pem",
        f"{state}\\KEY.PEM".upper(),
        f"{short}\\key.pem",
        f"{state}\\sessions\\mine\\..\\..\\key.pem",
        f"\\\\?\\{state}\\key.pem",
        f"\\\\?\\{short}\\key.pem",
        "hard",
        str(Path(own.__file__)),
    ):
        for word in (guarded.open, guarded.facts, guarded.digest):
            with pytest.raises(Refused, match="is the shim's own"):
                await word(Name(path))
        with pytest.raises(Refused, match="is the shim's own"):
            open_at(Name(f"{tmp_path}\\hard" if path == "hard" else path), True, policy)
    for path in (str(state), short, f"{short}\\sessions"):
        with pytest.raises(Refused, match="is the shim's own"):
            await guarded.enter(Name(path))
        with pytest.raises(Refused, match="is the shim's own"):
            await rows(guarded, path)
    for path in (f"\\\\.\\{state}\\key.pem", f"\\\\?\\GLOBALROOT\\??\\{state}\\key.pem"):
        with pytest.raises(Refused, match="is on the network or a device"):
            await guarded.open(Name(path))
    for folder in (state, short):
        handle = await guarded.open(Name(f"{folder}\\sessions\\mine\\x"))
        assert await handle.read(0, 10) == b"abc"
        await handle.close()


async def test_enter_gives_the_real_spelling_and_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "Folder").mkdir()
    place(tmp_path, "file")
    here = files(tmp_path)
    assert str(await here.enter(Name("Folder"))).endswith("\\Folder")
    with pytest.raises(Failed, match="is no folder"):
        await here.enter(Name("file"))


async def test_a_file_is_read_while_another_program_writes_it(tmp_path: Path) -> None:
    place(tmp_path, "log", b"one\r\ntwo\r\n\x1athree")
    with open(tmp_path / "log", "ab"):
        handle = await files(tmp_path).open(Name("log"))
        assert handle.sized and handle.size == 16
        assert await handle.read(0, 100) == b"one\r\ntwo\r\n\x1athree"
        assert await handle.read(5, 3) == b"two"
        assert await handle.read(16, 10) == b""
        await handle.close()


async def test_a_folder_is_no_file_to_open(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is a folder, not a plain file"):
        await files(tmp_path).open(Name("."))


async def test_facts_and_digests_of_a_program() -> None:
    shell = Path(os.environ["SYSTEMROOT"]) / "system32" / "cmd.exe"
    row = await files(shell.parent).facts(Name("CMD.EXE"))
    data = shell.read_bytes()
    assert row.content == "Windows program" and row.size == len(data) and row.error == ""
    assert row.sha256 == hashlib.sha256(data).hexdigest()
    assert row.md5 == hashlib.md5(data).hexdigest()
    assert await files(shell.parent).digest(Name("cmd.exe")) == row.sha256
    assert await files(shell.parent).digest(Name("none.exe")) is None


async def test_a_file_that_another_program_does_not_share_is_named(tmp_path: Path) -> None:
    place(tmp_path, "held")
    held = kernel32.CreateFileW(str(tmp_path / "held"), READ_DATA, 0, None, OPEN_EXISTING, 0, None)
    try:
        with pytest.raises(Failed, match="in use by another program"):
            await files(tmp_path).open(Name("held"))
        assert (await rows(files(tmp_path)))["held"].size == 3
    finally:
        close(held)


def test_sftp_opens_a_file_and_says_of_it_that_it_is_no_link(tmp_path: Path) -> None:
    place(tmp_path, "x", b"hello")
    path, policy = Name(f"{tmp_path}\\x"), Policy()
    opened = open_at(path, True, policy)
    try:
        assert (opened.facts.size, opened.piece(5, 0)) == (5, b"hello")
    finally:
        opened.close()
    with pytest.raises(Failed, match="is no link that can be read"):
        link_at(path, policy)
    with pytest.raises(Failed, match="does not exist"):
        open_at(Name(f"{path}y"), True, policy)


async def test_owner_and_access_list_are_told_in_words_and_exactly(tmp_path: Path) -> None:
    place(tmp_path, "x")
    row = await files(tmp_path).facts(Name("x"))
    assert row.owner and "SYSTEM full" in row.permissions
    assert row.access_list.startswith("O:") and "D:" in row.access_list
    assert row.attributes == "A" and row.streams == []
    folder = await files(tmp_path).facts(Name("."))
    assert folder.kind == "directory" and "full" in folder.permissions


async def test_a_stream_is_a_file_of_its_own_under_the_files_rules(tmp_path: Path) -> None:
    """Wine has no streams: there `note:ads` is a name like others, which shows the path alone."""
    place(tmp_path, "note")
    place(tmp_path, "note:ads", b"MZ" + bytes(98))
    here = files(tmp_path)
    handle = await here.open(Name("note:ads"))
    assert (handle.size, handle.path) == (100, f"{tmp_path}\\note:ads")
    await handle.close()
    row = await here.facts(Name("note:ads"))
    assert (row.size, row.content) == (100, "DOS or Windows program")
    for path in ("note:ads", "note::$DATA"):
        with pytest.raises(Refused, match="names a stream of a file"):
            await rows(here, path)
    with pytest.raises(Refused, match="by its own policy"):
        await files(tmp_path, str(tmp_path / "note")).open(Name("NOTE:ads"))


SET_SPARSE = 0x000900C4
MIB = 1 << 20


async def test_the_holes_of_a_sparse_file_are_told_where_its_disk_knows_them(
    tmp_path: Path,
) -> None:
    """Wine keeps no such attribute: there all of it is data."""
    there = tmp_path / "sparse"
    handle = kernel32.CreateFileW(str(there), 0xC0000000, 0, None, 1, 0, None)
    size = wintypes.DWORD()
    kernel32.DeviceIoControl(handle, SET_SPARSE, None, 0, None, 0, ctypes.byref(size), None)
    close(handle)
    with there.open("r+b") as file:
        file.seek(8 * MIB)
        file.write(b"x" * MIB)
        file.truncate(16 * MIB)
    opened = await files(tmp_path).open(from_text(str(there)))
    holes = await opened.holes()
    assert holes == (0 if hasattr(ntdll, "wine_get_version") else 15 * MIB)
    at = told = 0
    while at < opened.size:
        extent = await opened.extent(at)
        told += extent.size if extent.hole else 0
        at += extent.size
    assert (at, told) == (16 * MIB, holes)
    assert await opened.read(8 * MIB, 3) == b"xxx"
    await opened.close()


async def test_ranges_are_asked_for_until_there_are_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a double of the one call: a sparse file of three ranges, told two at once."""
    data = [(0, MIB), (4 * MIB, 5 * MIB), (9 * MIB, 10 * MIB)]

    def allocated(_: int, offset: int, length: int) -> tuple[list[tuple[int, int]], bool]:
        found = [one for one in data if offset <= one[0] < offset + length]
        return found[:2], len(found) > 2

    (tmp_path / "f").write_bytes(bytes(16 * MIB))
    found = open_plain(str(tmp_path / "f"), Policy(WirePolicy(), "web-01"))
    facts = replace(found.facts, attributes=found.facts.attributes | SPARSE)
    sparse = PlainFile(replace(found, facts=facts))
    monkeypatch.setattr(handles, "allocated", allocated)
    assert await sparse.holes() == 13 * MIB
    assert await sparse.extent(0) == Extent(MIB)
    assert await sparse.extent(5 * MIB) == Extent(4 * MIB, hole=True)
    assert await sparse.extent(10 * MIB) == Extent(6 * MIB, hole=True)

    def cannot(_: int, offset: int, length: int) -> tuple[list[tuple[int, int]], bool]:
        raise OSError(22, "no such call", None, 1)

    monkeypatch.setattr(handles, "allocated", cannot)
    assert await sparse.holes() == 0
    await sparse.close()
