"""A search through folders of a real Windows, by handle."""

import os
import shutil
from pathlib import Path

import pytest

from commands.language.errors import Failed, NotUnderstood, Refused
from commands.language.host.files import FileRow
from commands.language.names import Name, from_text
from commands.language.wire import Policy as WirePolicy
from endpoint_shim.policy import Policy
from endpoint_shim.windows.files import WindowsFiles
from endpoint_shim.windows.search import compiled


def files(folder: Path, *off_limits: str) -> WindowsFiles:
    policy = Policy(WirePolicy(off_limits=dict.fromkeys(off_limits, 3)), "win-01")
    return WindowsFiles(from_text(str(folder)), policy)


async def search(here: WindowsFiles, pattern: str, path: str = ".") -> tuple[list[str], list[str]]:
    """Paths found and sentences said."""
    paths, said = [], []
    async for one in here.find(pattern, Name(path)):
        if isinstance(one, FileRow):
            paths.append(str(one.path))
        else:
            said.append(one)
    return paths, said


def make(folder: Path, *names: str) -> None:
    for name in names:
        place = f"\\\\?\\{folder}\\{name}"
        os.makedirs(place.rpartition("\\")[0], exist_ok=True)
        with open(place, "wb") as file:
            file.write(b"abc")


async def test_names_match_a_glob_in_any_case_folder_by_folder(tmp_path: Path) -> None:
    make(
        tmp_path, "README.txt", "a\\readme.TXT", "a\\b\\x[1].txt", "b\\readme.md", "readme.txt.d\\x"
    )
    found, said = await search(files(tmp_path), "readme.txt*")
    assert found == [
        f"{tmp_path}\\{one}" for one in ("README.txt", "readme.txt.d", "a\\readme.TXT")
    ]
    assert said == []
    assert (await search(files(tmp_path), "x[[]1].txt"))[0] == [f"{tmp_path}\\a\\b\\x[1].txt"]
    assert (await search(files(tmp_path), "READ*", "a"))[0] == [f"{tmp_path}\\a\\readme.TXT"]


async def test_names_that_windows_programs_trip_over_are_found_and_gone_into(
    tmp_path: Path,
) -> None:
    names = ("con\\hit", "dot.\\hit", "space \\hit", "\u00fc\u2603\U0001f600\\hit")
    make(tmp_path, *names)
    assert set((await search(files(tmp_path), "hit"))[0]) == {f"{tmp_path}\\{n}" for n in names}


async def test_a_tree_deeper_than_a_path_may_be_and_than_handles_are_kept(tmp_path: Path) -> None:
    deep = "\\".join(f"d{number:03}" for number in range(120))
    make(tmp_path, f"{deep}\\hit", "d000\\e\\hit", "d000\\d001\\e\\hit")
    found, said = await search(files(tmp_path), "hit")
    assert len(found) == 3 and said == []
    shutil.rmtree(f"\\\\?\\{tmp_path}\\d000")


async def test_what_the_policy_keeps_is_left_out_and_said(tmp_path: Path) -> None:
    make(tmp_path, "Secret\\hit", "open\\hit")
    found, said = await search(files(tmp_path, str(tmp_path / "secret")), "hit")
    assert found == [f"{tmp_path}\\open\\hit"]
    assert said == [f"left out, off limits on this device: {tmp_path}\\Secret"]


async def test_a_start_that_is_not_there_or_no_folder_is_a_failure(tmp_path: Path) -> None:
    make(tmp_path, "file")
    with pytest.raises(Failed, match="none does not exist"):
        await search(files(tmp_path), "x", "none")
    with pytest.raises(Failed, match="file is no folder"):
        await search(files(tmp_path), "x", "file")
    with pytest.raises(Refused, match="policy"):
        await search(files(tmp_path, str(tmp_path / "secret")), "x", "secret")


async def test_an_ended_search_lets_go_of_its_folders(tmp_path: Path) -> None:
    make(tmp_path, *(f"a\\{number:04}" for number in range(600)))
    rows = files(tmp_path).find("*", Name("."))
    await anext(aiter(rows))
    await rows.aclose()  # type: ignore[attr-defined]
    os.rename(tmp_path / "a", tmp_path / "b")


def test_a_pattern_is_one_name() -> None:
    for pattern in ("a\\b", "a/b", "", "raw:a%5Cb"):
        with pytest.raises(NotUnderstood, match="without folders"):
            compiled(pattern)
    assert compiled("raw:a%uD800*").match("A\ud800b")
