"""Files placed on a Windows device by a stock ssh client, through the real broker and shim."""

import os
import tarfile
from pathlib import Path

import pytest

from tests.endpoint_shim.waiting import until
from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]
SCRIPT = b"@echo off\r\necho \xff\x1a\r\n" * 9000


@pytest.fixture(scope="module")
def script(live: Live) -> str:
    added = live.ssh("library add tool.cmd", SCRIPT)
    assert added.status == 0, added
    return "tool.cmd"


def dos(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


def test_putfile_places_a_file_whole_and_replaces_it_only_when_asked(
    live: Live, script: str, tmp_path: Path
) -> None:
    place = tmp_path / "con"
    ran = live.on(f"putfile {script} -path {dos(place)}")
    assert ran.status == 0 and place.read_bytes() == SCRIPT, ran
    assert os.listdir(tmp_path) == ["con"]
    again = live.on(f"putfile {script} -path {dos(place)}")
    assert again.status == 0 and "already" in again.out + again.err
    place.write_bytes(b"theirs")
    refused = live.on(f"putfile {script} -path {dos(place)}")
    assert refused.status == 3 and "-overwrite replaces it" in refused.err
    assert place.read_bytes() == b"theirs"
    assert live.on(f"putfile {script} -path {dos(place)} -overwrite").status == 0
    assert place.read_bytes() == SCRIPT


def test_nothing_is_placed_through_a_link(live: Live, script: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("../outside")
    ran = live.on(f"putfile {script} -path {dos(tmp_path / 'folder' / 'link' / 'x')}")
    assert ran.status == 3 and "nothing is written through a link" in ran.err
    assert os.listdir(tmp_path / "outside") == []


async def test_a_kept_file_outlives_its_session_and_another_does_not(
    live: Live, script: str
) -> None:
    ran = live.ssh(f"connect {live.device}", f"putfile {script}\nputfile {script} -keep\nexit\n")
    assert ran.status == 0, ran.err
    shims = [one for one in live.state.rglob("kept") if one.is_dir()]
    assert [one.name for one in shims[0].iterdir()] == [script]
    assert (shims[0] / script).read_bytes() == SCRIPT
    assert shims[0].stat().st_mode & 0o007 == 0
    await until(lambda: not any((shims[0].parent / "sessions").iterdir()))


def test_a_folder_that_links_to_one_above_it_is_gone_into_once(live: Live, tmp_path: Path) -> None:
    (tmp_path / "Folder").mkdir()
    (tmp_path / "Folder" / "HIT.txt").touch()
    (tmp_path / "Folder" / "Application Data").symlink_to(tmp_path)
    ran = live.on(f"findfile hit* -path {dos(tmp_path)}")
    assert ran.status == 0 and ran.out.count("HIT.txt") == 1
    assert "left out, behind links and mount points: " in ran.out + ran.err
    rows = live.rows(f"on {live.device} dir {dos(tmp_path / 'Folder')}")
    kinds = {row["path"].rpartition("\\")[2]: (row["kind"], row["error"]) for row in rows}
    assert kinds["HIT.txt"] == ("file", "") and kinds["Application Data"][0] == "link"


def test_getfile_takes_a_folder_as_one_archive_and_odd_files_by_name(
    live: Live, tmp_path: Path
) -> None:
    folder = tmp_path / "Folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "nul").write_bytes(SCRIPT)
    (folder / "empty").touch()
    (folder / "link").symlink_to("sub")
    lines = [f"getfile {dos(folder)}", f"getfile {dos(folder / 'sub' / 'nul')}"]
    lines += [f"getfile {dos(folder / 'empty')}"]
    lines += ["getfile \\\\localhost\\c$\\x", "getfile \\\\.\\PhysicalDrive0"]
    ran = live.ssh(f"connect {live.device}", "\n".join([*lines, "exit", ""]))
    said = ran.out + ran.err
    assert said.count(f"same digest on {live.device} and here") == 3, said
    # Wine tells no link's target; one that is told stays a link in the archive.
    assert "Folder\\link is a link and was left out" in said
    assert said.count("is on the network or a device; paths here begin with a drive") == 2
    tars = [one for one in live.state.rglob("*Folder.tar*") if one.is_file()]
    assert len(tars) == 1
    with tarfile.open(tars[0]) as tar:
        names = {one.name: one for one in tar}
        nul = tar.extractfile("Folder/sub/nul")
        assert nul is not None and nul.read() == SCRIPT
    assert set(names) == {"Folder/sub", "Folder/sub/nul", "Folder/empty"}
