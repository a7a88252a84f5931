"""A folder or a glob of a real Windows as one tar, read back by another implementation."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.names import Name, from_text
from commands.language.wire import Policy as WirePolicy
from endpoint_shim.policy import Policy
from endpoint_shim.windows.files import WindowsFiles
from endpoint_shim.windows.handles import OPEN_EXISTING, READ_DATA
from endpoint_shim.windows.kernel import close, kernel32

BIG = os.urandom(300_000)
FILES = {
    "a.LOG": b"a\r\n\x1a",
    "two words.log": b"",
    "sub\\big": BIG,
    "sub\\con": b"con",
    "dot.": b".",
}


def files(folder: Path, *off_limits: str) -> WindowsFiles:
    policy = Policy(WirePolicy(off_limits=dict.fromkeys(off_limits, 3)), "win-01")
    return WindowsFiles(from_text(str(folder)), policy)


async def taken(here: WindowsFiles, path: str) -> tuple[dict[str, bytes | None], list[str]]:
    """Name -> content (None: no plain file) of the archive, and what was said."""
    made = await here.archive(Name(path))
    assert made is not None
    pieces = [piece async for piece in made.pieces()]
    whole = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    assert len(whole) <= made.size
    found: dict[str, bytes | None] = {}
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            found[member.name] = None if content is None else content.read()
    return found, [piece for piece in pieces if isinstance(piece, str)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        place = f"\\\\?\\{tmp_path}\\tree\\{name}"
        os.makedirs(place.rpartition("\\")[0], exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)
    (tmp_path / "tree" / "empty").mkdir()
    return tmp_path / "tree"


async def test_a_folder_comes_whole_with_names_that_windows_programs_trip_over(tree: Path) -> None:
    found, said = await taken(files(tree.parent), "TREE")
    wanted = {f"TREE/{name}".replace("\\", "/"): data for name, data in FILES.items()}
    assert found == {**wanted, "TREE/sub": None, "TREE/empty": None} and said == []


async def test_a_glob_takes_what_it_names_in_any_case(tree: Path) -> None:
    found, said = await taken(files(tree), "*.log")
    assert found == {name: FILES[name] for name in ("a.LOG", "two words.log")} and said == []
    with pytest.raises(Failed, match="does not exist, and nothing there has a name like it"):
        await files(tree).archive(Name("none*"))


async def test_a_file_a_stream_and_what_is_not_there_are_no_archive(tree: Path) -> None:
    for name in ("a.log", "a.log:stream", "none", "sub\\big"):
        assert await files(tree).archive(Name(name)) is None
    with pytest.raises(Refused, match="is a whole drive"):
        await files(tree).archive(Name("C:\\"))


async def test_what_is_held_and_what_is_off_limits_is_left_out_and_said(tree: Path) -> None:
    path = f"{tree}\\sub\\big"
    held = kernel32.CreateFileW(path, READ_DATA, 0, None, OPEN_EXISTING, 0, None)
    try:
        found, said = await taken(files(tree, str(tree / "DOT.")), ".")
    finally:
        close(held)
    assert "sub/big" not in {name.split("/", 1)[1] for name in found if "/" in name}
    assert any("in use by another program" in one and one.endswith("left out") for one in said)
    assert any("policy" in one and "dot." in one for one in said)
