"""New files on a real Windows: whole in their place or not at all, through no link."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.names import Name, from_text
from commands.language.wire import Policy as WirePolicy
from endpoint_shim import own
from endpoint_shim.policy import Policy
from endpoint_shim.windows import handles
from endpoint_shim.windows.access import described, set_private
from endpoint_shim.windows.files import WindowsFiles
from endpoint_shim.windows.kernel import close, kernel32
from endpoint_shim.windows.native import READ_CONTROL, WRITE_DAC

NAMES = ("dot.", "space ", "con", "nul.txt", "\u00fc\u2603\U0001f600", "a" * 200)
READ_ONLY, NORMAL, SHARE_READ = 1, 0x80, 1


def files(folder: Path, *off_limits: str) -> WindowsFiles:
    policy = Policy(WirePolicy(off_limits=dict.fromkeys(off_limits, 3)), "win-01")
    return WindowsFiles(from_text(str(folder)), policy)


async def put(here: WindowsFiles, name: str, data: bytes, *, overwrite: bool = False) -> Name:
    writer = await here.create(Name(name))
    try:
        await writer.write(data)
        return await writer.finish(overwrite=overwrite)
    except BaseException:
        await writer.abandon()
        raise


def content(folder: Path, name: str) -> bytes:
    with open(f"\\\\?\\{folder}\\{name}", "rb") as file:
        return file.read()


async def test_a_file_is_there_whole_under_its_name_and_nothing_else_is(tmp_path: Path) -> None:
    for name in NAMES:
        assert await put(files(tmp_path), name, b"a\r\nb\x1ac" * 9) == f"{tmp_path}\\{name}"
        assert content(tmp_path, name) == b"a\r\nb\x1ac" * 9
    assert set(os.listdir(tmp_path)) == set(NAMES)


async def test_until_it_is_whole_nothing_has_its_name(tmp_path: Path) -> None:
    writer = await files(tmp_path).create(Name("x"))
    await writer.write(b"a" * (3 << 20))
    assert not (tmp_path / "x").exists()
    await writer.abandon()
    assert os.listdir(tmp_path) == []


async def test_an_empty_file_and_one_of_many_pieces(tmp_path: Path) -> None:
    await put(files(tmp_path), "empty", b"")
    assert content(tmp_path, "empty") == b""
    writer, piece = await files(tmp_path).create(Name("big")), os.urandom(65_536)
    for _ in range(70):
        await writer.write(piece)
    await writer.finish(overwrite=False)
    assert content(tmp_path, "big") == piece * 70


async def test_a_name_that_is_taken_is_replaced_only_when_asked(tmp_path: Path) -> None:
    await put(files(tmp_path), "x", b"old")
    with pytest.raises(Refused, match="X exists; it is replaced only when asked"):
        await put(files(tmp_path), "X", b"new")
    assert content(tmp_path, "x") == b"old"
    await put(files(tmp_path), "x", b"new", overwrite=True)
    assert content(tmp_path, "x") == b"new" and os.listdir(tmp_path) == ["x"]


async def test_a_folder_and_a_read_only_file_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match="is a folder; only a plain file is replaced"):
        await put(files(tmp_path), "folder", b"", overwrite=True)
    await put(files(tmp_path), "fixed", b"old")
    set_attributes = ctypes.WinDLL("kernel32").SetFileAttributesW
    assert set_attributes(str(tmp_path / "fixed"), READ_ONLY)
    with pytest.raises(Refused, match="is read-only"):
        await put(files(tmp_path), "fixed", b"new", overwrite=True)
    assert set_attributes(str(tmp_path / "fixed"), NORMAL)
    assert sorted(os.listdir(tmp_path)) == ["fixed", "folder"]


async def test_a_file_that_another_program_holds_is_not_replaced_and_that_is_said(
    tmp_path: Path,
) -> None:
    await put(files(tmp_path), "x", b"old")
    held = kernel32.CreateFileW(
        f"{tmp_path}\\x", handles.READ_DATA, SHARE_READ, None, handles.OPEN_EXISTING, 0, None
    )
    try:
        with pytest.raises(Failed, match="in use by another program or protected, and was not"):
            await put(files(tmp_path), "x", b"new", overwrite=True)
    finally:
        close(held)
    assert content(tmp_path, "x") == b"old" and os.listdir(tmp_path) == ["x"]


async def test_what_is_no_place_for_a_file_is_said(tmp_path: Path) -> None:
    await put(files(tmp_path), "file", b"")
    with pytest.raises(Failed, match="none does not exist"):
        await put(files(tmp_path), "none\\x", b"")
    with pytest.raises(Failed, match="is a plain file, not a folder"):
        await put(files(tmp_path), "file\\x", b"")
    with pytest.raises(Refused, match="is a folder; name the file"):
        await put(files(tmp_path), "C:\\", b"")
    with pytest.raises(Refused, match="names a stream"):
        await put(files(tmp_path), "file:stream", b"")


async def test_a_deep_place_beyond_260_characters(tmp_path: Path) -> None:
    deep = "\\".join(["d" * 100] * 4)
    os.makedirs(f"\\\\?\\{tmp_path}\\{deep}")
    await put(files(tmp_path), f"{deep}\\x", b"abc")
    assert content(tmp_path, f"{deep}\\x") == b"abc"


async def test_the_policy_and_the_shims_own_hold_for_every_spelling(tmp_path: Path) -> None:
    (tmp_path / "Secret").mkdir()
    for path in ("Secret\\x", "SECRET\\x", "a\\..\\secret\\x", "secret/x"):
        with pytest.raises(Refused, match="by its own policy"):
            await put(files(tmp_path, str(tmp_path / "secret")), path, b"")
    state = tmp_path / "State of the shim"
    state.mkdir()
    guarded = WindowsFiles(
        from_text(str(tmp_path)), Policy(own=own.found(state, state / "policy.toml", []))
    )
    short = ctypes.create_unicode_buffer(1024)
    assert ctypes.WinDLL("kernel32").GetShortPathNameW(str(state), short, 1024)
    for folder in (state, str(state).upper(), short.value):
        with pytest.raises(Refused, match="is the shim's own"):
            await put(guarded, f"{folder}\\POLICY.toml", b"")
    assert os.listdir(state) == []


async def test_a_file_that_replaces_another_takes_over_who_may_read_it(tmp_path: Path) -> None:
    await put(files(tmp_path), "x", b"old")
    await put(files(tmp_path), "open", b"old")
    with_list = handles.opened(f"{tmp_path}\\x", READ_CONTROL | WRITE_DAC)
    set_private(tmp_path / "x")
    wanted = described(with_list)
    close(with_list)
    await put(files(tmp_path), "x", b"new", overwrite=True)
    for name, is_like in (("x", True), ("open", False)):
        handle = handles.opened(f"{tmp_path}\\{name}", READ_CONTROL)
        assert (described(handle) == wanted) is is_like
        close(handle)


def test_a_writer_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    words = (
        "import sys\n"
        "from endpoint_shim.policy import Policy\n"
        "from endpoint_shim.windows.disk import WindowsDisk\n"
        "from endpoint_shim.windows.writing import Draft\n"
        "draft = Draft(sys.argv[1], Policy(), WindowsDisk())\n"
        "draft.write(b'x' * 1_000_000)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-I", "-c", words, f"{tmp_path}\\x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        assert len(os.listdir(tmp_path)) == 1
        writer.kill()
    assert os.listdir(tmp_path) == []
