"""The lists of a package in Windows Python: the registry, groups and sessions by the double of
netapi32.dll, programs, services and tasks."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
import winreg
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commands.language.errors import Refused
from commands.language.host.connections import ConnectionRow
from commands.language.host.files import FileRow
from commands.language.items import Row
from commands.language.names import Name, from_text
from endpoint_shim.collecting.side import List, Missed
from endpoint_shim.collecting.tables import cells
from endpoint_shim.policy import Policy
from endpoint_shim.windows import collected_lists
from endpoint_shim.windows import registry_text as registry
from endpoint_shim.windows.collected_lists import Lists
from endpoint_shim.windows.collecting import WindowsSide
from endpoint_shim.windows.files import WindowsFiles
from endpoint_shim.windows.net_api import NetApi
from endpoint_shim.windows.paths import NotThere

DOUBLE = Path(sys.base_prefix, "doubles/netapi_double.dll")
KEY = "Software\\FirelineTest"
HERE = f"HKU\\{registry.USER}\\{KEY}"


class Sockets:
    """In Wine the real list takes a minute where the machine has thousands of sockets."""

    async def list(self) -> AsyncIterator[ConnectionRow | str]:
        for port in (443, 445):
            yield ConnectionRow(
                process=Name("x.exe"), pid=7, protocol="tcp", local_ip="10.0.0.5",
                local_port=50_000, remote_ip="10.0.0.9", remote_port=port, status="established",
            )  # fmt: skip


@pytest.fixture
def double() -> ctypes.WinDLL:
    if not DOUBLE.exists():
        pytest.skip("the double is the rig's")
    library = ctypes.WinDLL(str(DOUBLE))
    library.double_none(0)
    library.double_refused(0)
    return library


@pytest.fixture
def lists(double: ctypes.WinDLL) -> Lists:
    return Lists(WindowsFiles(from_text("C:\\"), Policy()), NetApi(double), Sockets())


@pytest.fixture
def key() -> Iterator[winreg.HKEYType]:
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, KEY) as made:
        yield made
    subprocess.run(["reg.exe", "delete", f"HKCU\\{KEY}", "/f"], check=True, capture_output=True)


async def texts(source: AsyncIterator[List]) -> dict[str, list[str]]:
    """File -> its lines."""
    found: dict[str, list[str]] = {}
    async for one in source:
        assert one.text is not None
        found[one.name] = [line async for line in one.text]
    return found


async def rows(source: AsyncIterator[List]) -> list[Row]:
    (found,) = [one async for one in source]
    assert found.rows is not None
    return [row async for row in found.rows]


def test_a_key_is_told_with_all_below_it(key: winreg.HKEYType) -> None:
    winreg.SetValueEx(key, "", 0, winreg.REG_SZ, "default")
    winreg.SetValueEx(key, "Bin", 0, winreg.REG_BINARY, b"\0\xff")
    winreg.SetValueEx(key, "Many", 0, winreg.REG_MULTI_SZ, ["a", "b"])
    winreg.SetValueEx(key, "Number", 0, winreg.REG_DWORD, 255)
    winreg.SetValueEx(key, "Odd\x07 ü", 0, winreg.REG_EXPAND_SZ, "%windir%\\x")
    winreg.SetValueEx(key, "Own", 0, 77, b"x")
    with winreg.CreateKey(key, "Below") as below:
        winreg.SetValueEx(below, "Deep", 0, winreg.REG_SZ, "value")
    (path,) = [one for one in registry.meant(HERE) if _is_there(one)]
    lines = list(registry.told(path))
    for line in (
        "    (Default)    REG_SZ    default",
        "    Bin    REG_BINARY    00FF",
        "    Many    REG_MULTI_SZ    a\\0b",
        "    Number    REG_DWORD    0xff",
        "    Odd\x07 ü    REG_EXPAND_SZ    %windir%\\x",
        "    Own    type 77    78",
        "    Deep    REG_SZ    value",
    ):
        assert line in lines, line
    assert any(line.endswith("\\FirelineTest\\Below") for line in lines)


def _is_there(path: str) -> bool:
    try:
        registry.opened(path).Close()
    except NotThere:
        return False
    return True


def test_a_key_that_is_not_there_is_told_apart() -> None:
    with pytest.raises(NotThere):
        list(registry.told("HKLM\\SOFTWARE\\No such key"))
    with pytest.raises(Missed, match="begins with none of"):
        list(registry.told("HKCU\\Software"))


def test_below_a_vast_key_the_rest_is_left_out_and_said(
    key: winreg.HKEYType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_KEYS", 3)
    for number in range(5):
        winreg.CreateKey(key, f"k{number}").Close()
    (path,) = [one for one in registry.meant(HERE) if _is_there(one)]
    assert list(registry.told(path))[-1].startswith("more than 3 keys are below")


def test_every_member_of_a_group_is_there_those_without_a_name_as_sids(lists: Lists) -> None:
    """Field report orphan-sid."""
    found = asyncio.run(texts(lists.of("groups")))
    assert set(found) == {"Administrators.txt", "Админи.txt"}
    members = found["Administrators.txt"][2:]
    assert len(members) == 3
    assert members[1] == "-\tS-1-5-21-1-2-3-1001\tits name is not known here"
    assert members[2].split("\t")[1] == "S-1-12-1-1111-2222-3333-4444"
    assert found["Админи.txt"] == ["Админи: ", ""]


def test_sessions_are_listed_and_none_is_said(lists: Lists, double: ctypes.WinDLL) -> None:
    inbound = asyncio.run(texts(lists.of("inbound SMB sessions")))
    assert inbound == {"": ["\\\\10.0.0.9\tmallory\t3600 s\tidle 12 s"]}
    outbound = asyncio.run(texts(lists.of("outbound SMB sessions")))
    assert outbound[""][0] == "Z:\t\\\\files\\share\tstatus 0"
    assert outbound[""][-1] == "x.exe 7\t10.0.0.9:445\testablished"
    double.double_none(1)
    inbound = asyncio.run(texts(lists.of("inbound SMB sessions")))
    assert inbound == {"": ["No inbound SMB sessions were found"]}
    outbound = asyncio.run(texts(lists.of("outbound SMB sessions")))
    assert outbound == {"": ["x.exe 7\t10.0.0.9:445\testablished"]}


def test_a_list_that_is_refused_says_so_with_its_number(
    lists: Lists, double: ctypes.WinDLL
) -> None:
    double.double_refused(1)
    with pytest.raises(Missed, match="NetSessionEnum: ") as error:
        asyncio.run(texts(lists.of("inbound SMB sessions")))
    assert (error.value.state, error.value.number) == ("failed", "5")
    with pytest.raises(Missed, match="has no list of moons"):
        asyncio.run(texts(lists.of("moons")))


def test_installed_programs_come_from_the_registry_of_all_users(lists: Lists) -> None:
    top = f"{winreg_uninstall()}\\FirelineTest"
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, top) as made:
        winreg.SetValueEx(made, "DisplayName", 0, winreg.REG_SZ, "=A program")
        winreg.SetValueEx(made, "DisplayVersion", 0, winreg.REG_SZ, "1.2")
    try:
        found = asyncio.run(rows(lists.of("programs")))
    finally:
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, top)
    named = [cells(row) for row in found]
    assert ["=A program", "1.2"] in [row[:2] for row in named]


def winreg_uninstall() -> str:
    return "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall"


def test_services_have_rows(lists: Lists) -> None:
    services = {cells(row)[0] for row in asyncio.run(rows(lists.of("services")))}
    assert {one.lower() for one in services} & {"rpcss", "eventlog", "plugplay"}


def test_temp_directories_are_listed_and_a_missing_one_has_the_message(lists: Lists) -> None:
    temp = Path(os.environ["SYSTEMROOT"], "Temp")
    temp.mkdir(exist_ok=True)
    (temp / "dropped.exe").write_bytes(b"x" * 7)
    try:
        found = asyncio.run(texts(lists.of("temp directories")))
    finally:
        (temp / "dropped.exe").unlink()
    lines = found["Windows.txt"]
    assert any(
        line.endswith("\t7\tC:\\windows\\Temp\\dropped.exe") or "dropped.exe" in line
        for line in lines
    )
    assert len(found) > 1


def test_a_folder_that_cannot_be_listed_is_told_and_ends_no_list(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Field report k18; the refusal is put in the way here, as Wine lets everybody in."""
    real, tasks = lists._files.list, Path(os.environ["SYSTEMROOT"], "System32", "Tasks")
    for name in ("a", "closed", "z"):
        (tasks / name).mkdir(parents=True, exist_ok=True)
        (tasks / name / "task").write_bytes(b"none")

    def listed(path: Name) -> AsyncIterator[FileRow]:
        if "closed" in path:
            raise Refused("the system says access is denied")
        return real(path)

    monkeypatch.setattr(lists._files, "list", listed)
    monkeypatch.setattr(collected_lists, "MOST_TASKS", 2)
    try:
        found = [cells(row) for row in asyncio.run(rows(lists.of("scheduled tasks")))]
    finally:
        shutil.rmtree(tasks)
    told = {row[0]: row[-1] for row in found}
    assert told["\\closed"] == "the system says access is denied"
    assert "no task" in told["\\a\\task"] and "no task" in told["\\z\\task"]
    (tasks / "more").mkdir(parents=True)
    for number in range(3):
        (tasks / "more" / str(number)).write_bytes(b"none")
    try:
        found = [cells(row) for row in asyncio.run(rows(lists.of("scheduled tasks")))]
    finally:
        shutil.rmtree(tasks)
    assert [row[-1] for row in found][2:] == ["2 tasks are taken, and no more"]


def test_a_drive_that_tells_nothing_hides_no_other(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "users", lambda: ["S-1-5-21-1"])
    monkeypatch.setattr(registry, "subkeys", lambda key: ["X", "Y"])

    def values(path: str) -> dict[str, object]:
        if path.endswith("X"):
            raise NotThere(f"{path} does not exist")
        return {"remotepath": "\\\\files\\y"}

    monkeypatch.setattr(registry, "values", values)
    lines = asyncio.run(texts(lists.of("outbound SMB sessions")))[""]
    key = "HKU\\S-1-5-21-1\\Network"
    assert f"X:\t{key}\\X does not exist\t{key}" in lines
    assert f"Y:\t\\\\files\\y\t{key}" in lines


def test_builds_are_compared_release_by_release(monkeypatch: pytest.MonkeyPatch) -> None:
    since = ["16299.1717", "17763.1075", "18363.693"]

    def fits(build: int, revision: int) -> bool:
        side = WindowsSide.__new__(WindowsSide)
        side.__dict__["_build"] = (build, revision)
        return side.fits(since)

    assert not fits(10240, 9999) and not fits(16299, 1716) and fits(16299, 1717)
    assert not fits(17134, 5000)  # its release is not named, and a later one is
    assert fits(17763, 1075) and not fits(18363, 0) and fits(19045, 0) and fits(26100, 1)
