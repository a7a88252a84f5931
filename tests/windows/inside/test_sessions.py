"""The session's folder on a real Windows: private, and wiped whatever lies in it."""

import ctypes
import os
from pathlib import Path

import pytest

from commands.language.errors import Refused
from commands.language.names import Name, from_text
from endpoint_shim import durable, identity, sessions
from endpoint_shim.session_folder import PrivateFolder
from endpoint_shim.windows.access import LIST, SYSTEM, Descriptor, described, private
from endpoint_shim.windows.accounts import own_sid
from endpoint_shim.windows.handles import opened
from endpoint_shim.windows.kernel import close
from endpoint_shim.windows.native import READ_CONTROL, WRITE_DAC

READ_ONLY = 1
EVERYONE = ";;;WD)"


def access_list(path: Path) -> str:
    handle = opened(str(path), READ_CONTROL)
    try:
        return described(handle)
    finally:
        close(handle)


def opened_to_everyone(path: Path) -> Path:
    """A folder that everybody may read, as one below ProgramData is for users."""
    path.mkdir()
    handle = opened(str(path), READ_CONTROL | WRITE_DAC)
    with Descriptor() as wanted:
        wanted.parse("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;WD)").apply(
            handle, LIST
        )
    close(handle)
    assert EVERYONE in access_list(path)
    return path


def test_what_is_asked_for_is_system_administrators_and_the_maker_with_nothing_inherited() -> None:
    assert private(SYSTEM) == "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    assert private("S-1-5-21-1") == "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;S-1-5-21-1)"
    assert private("S-1-5-21-1", full_rights=True) == private(SYSTEM)
    assert own_sid().startswith("S-1-5-")


def test_a_folder_is_closed_to_others_and_so_is_one_that_was_open_before(tmp_path: Path) -> None:
    folders = opened_to_everyone(tmp_path / "open")
    folder = sessions.make(folders)
    assert EVERYONE not in access_list(folder) and EVERYONE not in access_list(folders)


def test_a_state_folder_is_closed_at_enrolment_and_refused_while_it_is_open(tmp_path: Path) -> None:
    state = opened_to_everyone(tmp_path / "state")
    with pytest.raises(Refused, match=r"state is open to others \(.*Everyone .*icacls"):
        durable.refuse_unless_private(state)
    identity.prepare(state)
    durable.refuse_unless_private(state)
    identity.prepare(tmp_path / "deeper" / "state")
    assert EVERYONE not in access_list(tmp_path / "deeper" / "state")


def test_wiping_takes_names_and_files_that_windows_programs_trip_over(tmp_path: Path) -> None:
    folder = sessions.make(tmp_path / "sessions")
    deep = f"\\\\?\\{folder}\\" + "\\".join(["d" * 100] * 4)
    os.makedirs(deep)
    for name in ("con", "dot.", "space ", "fixed"):
        with open(f"{deep}\\{name}", "wb") as file:
            file.write(b"x")
    assert ctypes.WinDLL("kernel32").SetFileAttributesW(f"{deep}\\fixed", READ_ONLY)
    assert sessions.wipe(folder) == []
    assert not folder.exists()


def test_what_another_program_holds_is_named_and_wiped_at_the_next_start(tmp_path: Path) -> None:
    folder = sessions.make(tmp_path / "sessions")
    with open(folder / "held", "wb"):
        assert [line.partition(" (")[0] for line in sessions.wipe(folder)][:1] == [
            f"{folder}\\held was not wiped"
        ]
    assert sessions.wipe_leftovers(tmp_path / "sessions") == []
    assert os.listdir(tmp_path / "sessions") == []


async def test_places_in_it_are_plain_names_and_what_is_kept_stays(tmp_path: Path) -> None:
    folder = sessions.make(tmp_path / "sessions")
    here = PrivateFolder(folder, tmp_path / "kept")
    assert await here.place(Name("raw:a%uD800")) == from_text(f"{folder}\\a\ud800")
    for name in ("a\\b", "a/b", "x:stream", "..", ""):
        with pytest.raises(Refused, match="takes plain names"):
            await here.place(Name(name))
    for _ in range(2):
        (folder / "x.txt").write_bytes(b"abc")
        assert (await here.listing()).keys() == {"x.txt"}
        await here.keep(await here.place(Name("x.txt")))
    assert sorted(os.listdir(tmp_path / "kept")) == ["x-2.txt", "x.txt"]
    assert os.listdir(folder) == []
