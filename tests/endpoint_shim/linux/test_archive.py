"""A folder or a glob as one tar: read back by the real tar, held against what is on the disk."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.names import Name
from endpoint_shim.linux import reading
from endpoint_shim.linux.files import LinuxFiles
from endpoint_shim.linux.reading import Opened
from tests.endpoint_shim.linux.open_policy import OpenPolicy


async def taken(path: str, *off_limits: str) -> tuple[bytes, list[str], int]:
    """The archive's bytes, what was said, and the size it was announced with."""
    made = await LinuxFiles(Name("/"), OpenPolicy(*off_limits)).archive(Name(path))
    assert made is not None
    pieces = [piece async for piece in made.pieces()]
    whole = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    return whole, [piece for piece in pieces if isinstance(piece, str)], made.size


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return sorted(tar.getnames())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "sub" / "empty").mkdir(parents=True)
    (tree / "a.log").write_bytes(b"a\n")
    (tree / "two words.log").write_bytes(b"")
    (tree / "sub" / "big").write_bytes(os.urandom(300_000))
    (tree / "sub" / "link").symlink_to("../a.log")
    Path(os.fsdecode(os.fsencode(tree) + b"/n\xff\n")).write_bytes(b"raw")
    return tree


async def test_the_real_tar_unpacks_what_was_there(tree: Path, tmp_path: Path) -> None:
    data, said, size = await taken(str(tree))
    assert said == []
    assert len(data) == size
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xp", "-C", str(out)], input=data, check=True, capture_output=True)
    subprocess.run(["diff", "-r", "--no-dereference", str(tree), str(out / "tree")], check=True)


async def test_nothing_changed_gives_the_same_bytes_again(tree: Path) -> None:
    assert await taken(str(tree)) == await taken(str(tree))


async def test_a_glob_takes_what_it_names_and_nothing_else(tree: Path) -> None:
    data, _, _ = await taken(f"{tree}/*.log")
    assert names(data) == ["a.log", "two words.log"]
    data, _, _ = await taken(f"{tree}/s*")
    assert names(data) == ["sub", "sub/big", "sub/empty", "sub/link"]


async def test_a_glob_that_names_nothing_says_so(tree: Path) -> None:
    with pytest.raises(Failed, match=r"\*\.nix does not exist, and nothing there"):
        await taken(f"{tree}/*.nix")


async def test_a_file_with_a_star_in_its_name_is_that_file(tree: Path) -> None:
    (tree / "*.log").touch()
    files = LinuxFiles(Name("/"), OpenPolicy())
    assert await files.archive(Name(f"{tree}/*.log")) is None
    assert await files.archive(Name(f"{tree}/a.log")) is None


async def test_the_whole_device_is_refused() -> None:
    with pytest.raises(Refused, match="/ is the whole device"):
        await taken("/")


async def test_what_is_no_plain_file_is_left_out_by_name(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    data, said, _ = await taken(str(tree))
    assert said == [f"{tree}/pipe is a pipe and was left out"]
    assert "tree/pipe" not in names(data)


async def test_what_is_off_limits_is_neither_read_nor_counted_in(tree: Path) -> None:
    data, said, size = await taken(str(tree), f"{tree}/sub", f"{tree}/a.log")
    assert names(data) == sorted(["tree/two words.log", "tree/n\udcff\n"])
    assert len(data) <= size
    assert any("a.log" in one and "left out" in one for one in said), said
    assert any("off limits" in one and "sub" in one for one in said), said


async def test_a_link_is_never_gone_through(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (tree / "way").symlink_to(outside)
    data, _, _ = await taken(str(tree))
    assert "tree/way" in names(data)
    assert b"secret" not in data.replace(b"outside", b"")


async def test_a_file_that_shrinks_is_filled_and_said(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = reading.opened

    def shrinking(*given: object) -> Opened:
        file = opened(*given)  # type: ignore[arg-type]
        if file.path.endswith(b"/big"):
            os.truncate(file.path, 1000)
        return file

    monkeypatch.setattr("endpoint_shim.linux.archive.opened", shrinking)
    data, said, _ = await taken(str(tree))
    assert said == [
        f"{tree}/sub/big shrank while it was read: 300,000 bytes at its opening, 1,000 at its "
        "end; zeros from there on"
    ]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        big = tar.extractfile("tree/sub/big")
        assert big is not None
        assert big.read()[1000:] == bytes(299_000)
        assert "tree/a.log" in tar.getnames()


async def test_what_is_new_since_the_count_is_left_out_and_said(tree: Path) -> None:
    made = await LinuxFiles(Name("/"), OpenPolicy()).archive(Name(str(tree)))
    assert made is not None
    (tree / "sub" / "newer").write_bytes(bytes(50_000))
    (tree / "zz").write_bytes(bytes(50_000))
    pieces = [piece async for piece in made.pieces()]
    said = [piece for piece in pieces if isinstance(piece, str)]
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) <= made.size
    assert said
    assert all("is new or grew meanwhile and was left out" in one for one in said)


async def test_a_tree_of_thousands_needs_little_memory_and_no_depth(tmp_path: Path) -> None:
    here = os.open(".", os.O_PATH)
    top = tmp_path / "top"
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(600):
            os.mkdir("d")
            os.chdir("d")
        Path("bottom").write_text("bottom")
    finally:
        os.fchdir(here)
        os.close(here)
    data, said, _ = await taken(str(top))
    assert said == []
    assert b"bottom" in data
    subprocess.run(["rm", "-rf", str(top)], check=True)
