"""The session's folder as a command sees it."""

from pathlib import Path

import pytest

from commands.language.errors import Refused
from commands.language.names import Name
from endpoint_shim.session_folder import PrivateFolder


@pytest.fixture
def folder(tmp_path: Path) -> PrivateFolder:
    (tmp_path / "s").mkdir()
    return PrivateFolder(tmp_path / "s", tmp_path / "kept")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "../x", "raw:a%00b"])
async def test_a_name_that_is_a_path_is_refused(folder: PrivateFolder, name: str) -> None:
    with pytest.raises(Refused, match="is a path"):
        await folder.place(Name(name))


async def test_a_plain_name_lies_directly_in_it(folder: PrivateFolder) -> None:
    assert await folder.place(Name("x.sh")) == f"{folder.path}/x.sh"
    assert await folder.place(Name("raw:%FF")) == f"raw:{folder.path}/%FF"


async def test_a_kept_file_moves_out_and_never_over_another(
    folder: PrivateFolder, tmp_path: Path
) -> None:
    for text, wanted in (("one", "x.sh"), ("two", "x-2.sh")):
        (tmp_path / "s/x.sh").write_text(text)
        kept = await folder.keep(Name(f"{folder.path}/x.sh"))
        assert kept == f"{tmp_path}/kept/{wanted}"
        assert (tmp_path / "kept" / wanted).read_text() == text
    assert list((tmp_path / "s").iterdir()) == []


async def test_only_what_is_in_it_can_be_kept(folder: PrivateFolder, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("x")
    with pytest.raises(Refused, match="not in the session's folder"):
        await folder.keep(Name(f"{tmp_path}/other"))


async def test_the_listing_holds_plain_files_only(folder: PrivateFolder, tmp_path: Path) -> None:
    (tmp_path / "s/a").write_bytes(b"12345")
    (tmp_path / "s/link").symlink_to("a")
    (tmp_path / "s/sub").mkdir()
    found = await folder.listing()
    assert list(found) == ["a"] and found["a"][0] == 5
