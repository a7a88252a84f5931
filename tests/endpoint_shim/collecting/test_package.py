"""Whole packages of small recipes: what fails stops nothing, and everything is told."""

import json
import os
import re
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
import xlrd

from commands.language.errors import NotUnderstood
from endpoint_shim.collecting import copies, kept, tables, writer
from endpoint_shim.linux.programs import LinuxProgram
from tests.endpoint_shim.collecting.maker import Maker

pytestmark = pytest.mark.needs("unzip", "sha256sum")

MIXED = """
points:
  - {folder: A, file: one.txt, command: [printf, "one\\n"]}
  - {folder: A, file: fails.txt, command: [sh, -c, "echo begun; echo why >&2; exit 3"]}
  - {folder: A, file: hangs.txt, command: [sh, -c, "echo begun; sleep 600"], limit_s: 0.4}
  - {folder: A, file: dies.txt, command: [sh, -c, "kill -9 $$"]}
  - {folder: A, file: none.txt, command: [no-such-program-here]}
  - {folder: A, file: other.txt, command: [no-such-program-here], instead: [[printf, "other"]]}
  - {folder: A, file: long.txt, command: [head, -c, "5000", /dev/zero], most: 1000}
  - {folder: A, file: wrote.txt, command: [cp, /etc/hostname, "{out}"]}
  - {folder: A, file: wrote not.txt, command: ["true", "{out}"]}
  - {folder: A, file: silent.txt, command: [sh, -c, "echo only this >&2; exit 1"]}
  - {folder: A, file: list.csv, rows: moons}
  - {folder: A, registry: ['HKLM\\SOFTWARE'], file: key.txt}
  - {folder: B, file: last.txt, text: "the end"}
versions: {printf: [--version]}
"""


async def test_what_fails_or_hangs_does_not_stop_the_rest(maker: Maker, tmp_path: Path) -> None:
    package = await maker.make(MIXED)
    states = {row.file: (row.status, row.error_code) for row in package.rows}
    assert states == {
        "one.txt": ("done", ""),
        "fails.txt": ("failed", "3"),
        "hangs.txt": ("timed out", ""),
        "dies.txt": ("failed", "-9"),
        "none.txt": ("not here", ""),
        "other.txt": ("done", ""),
        "long.txt": ("cut", ""),
        "wrote.txt": ("done", ""),
        "wrote not.txt": ("failed", ""),
        "silent.txt": ("failed", "1"),
        "list.csv": ("not here", ""),
        "key.txt": ("not here", ""),
        "last.txt": ("done", ""),
    }
    assert package.read("A/hangs.txt") == b"begun\n"
    assert package.read("A/silent.txt") == b"only this\n"
    assert package.read("A/wrote.txt") == Path("/etc/hostname").read_bytes()
    assert len(package.read("A/long.txt")) == 1000
    assert "A/none.txt" not in package.zip.namelist()
    assert package.row("fails.txt").error == "exit code 3: why"
    assert any(note.startswith("A/hangs.txt: timed out: ") for note in package.notes)
    assert not any("none.txt" in note for note in package.notes)
    assert maker.group.members() == []


async def test_the_summary_says_command_status_and_error_code(maker: Maker) -> None:
    package = await maker.make(MIXED)
    by_file = {row["file"]: row for row in package.summary}
    assert by_file["fails.txt"]["command"].endswith("sh -c echo begun; echo why >&2; exit 3")
    assert (by_file["fails.txt"]["status"], by_file["fails.txt"]["error_code"]) == ("failed", "3")
    assert set(by_file) == {row.file for row in package.rows}
    book = xlrd.open_workbook(file_contents=package.read("CollectionSummaryReport.xls"))
    sheet = book.sheet_by_index(0)
    assert sheet.nrows == len(package.rows) + 1
    assert sheet.row_values(2)[:3] == ["A", "fails.txt", "failed"]


async def test_what_is_told_at_the_end_lies_in_files_and_a_short_sheet_cuts_nothing_else(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "IN_MEMORY", 10)
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    package = await maker.make(MIXED)
    assert [row["file"] for row in package.manifest["data_points"]] == [
        row["file"] for row in package.summary
    ]
    assert len(package.summary) == 13
    told = {one["name"] for one in package.manifest["members"]}
    manifests = {"MANIFEST.json", "MANIFEST.sha256", "MANIFEST.sha256.sig"}
    assert told == set(package.zip.namelist()) - manifests
    book = xlrd.open_workbook(file_contents=package.read("CollectionSummaryReport.xls"))
    assert book.sheet_by_index(0).nrows == 3


async def test_progress_names_the_data_point_of_so_many(maker: Maker) -> None:
    package = await maker.make(MIXED)
    assert [(one.done, one.total) for one in package.progress] == [(n, 13) for n in range(14)]
    assert package.progress[1].what == "A/fails.txt"
    plan = package.read("DataPoints.txt").decode().splitlines()
    assert len(plan) == 13 and plan[0] == "1\tA/one.txt\tprintf one\\x0a"


async def test_a_tools_page_is_told_by_its_mark_and_an_unknown_one_spoils_nothing(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Field reports k19: a tool may write UTF-16, or in a page that Python does not know."""
    monkeypatch.setattr(LinuxProgram, "page", lambda self, where: "cp50221")
    package = await maker.make(
        """
points:
  - {folder: A, file: wide.txt, command: [printf, '\\377\\376h\\000i\\000']}
  - {folder: A, file: marked.txt, command: [printf, '\\357\\273\\277hi']}
  - {folder: A, file: plain.txt, command: [printf, 'hi']}
  - {folder: A, file: why.txt, command: [sh, -c, 'printf "w\\377hy" >&2; exit 3']}
"""
    )
    pages = {one["name"]: one.get("code_page") for one in package.manifest["members"]}
    assert (pages["A/wide.txt"], pages["A/marked.txt"]) == ("utf-16", "utf-8-sig")
    assert (pages["A/plain.txt"], pages["A/why.txt"]) == ("cp50221", "cp50221")
    assert package.read("A/wide.txt") == b"\xff\xfeh\0i\0"
    assert package.row("why.txt").error == "exit code 3: w\\xffhy"


async def test_stock_tools_check_every_member(maker: Maker, tmp_path: Path) -> None:
    import subprocess

    package = await maker.make(MIXED)
    folder = package.unpacked(tmp_path)
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "MANIFEST.sha256"], cwd=folder, capture_output=True
    )
    assert checked.returncode == 0, checked
    listed = {line[66:] for line in (folder / "MANIFEST.sha256").read_text().splitlines()}
    signed = {"MANIFEST.sha256", "MANIFEST.sha256.sig"}
    assert listed == set(package.zip.namelist()) - signed


async def test_the_manifest_says_tools_clock_and_origin(maker: Maker) -> None:
    package = await maker.make(MIXED, broker_ms=1)
    told = package.manifest
    assert told["device"] == "web-01" and told["collected"]["device_ahead_of_broker_ms"] > 1e12
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["collected"]["device_utc"])
    (printf,) = (tool for tool in told["tools"] if tool["name"] == "printf")
    assert printf["path"] == "/usr/bin/printf" and "coreutils" in printf["version"]
    assert re.fullmatch("[0-9a-f]{64}", printf["sha256"])
    assert package.name.startswith("web-01-20") and package.name.endswith("Z.zip")


async def test_only_some_folders(maker: Maker) -> None:
    package = await maker.make(MIXED, only=["b"])
    assert [row.file for row in package.rows] == ["last.txt"]
    with pytest.raises(NotUnderstood, match="no such folder; it has A, B"):
        await maker.make(MIXED, only=["C"])


async def test_hostile_names_stay_apart_and_are_found_again(maker: Maker, tmp_path: Path) -> None:
    """Field reports zip-urlenc and zip-slip: the device's own names are hostile."""
    tree = tmp_path / "tree"
    tree.mkdir()
    names = [
        *(b"a b", b"a%20b", b"A B", b"=1+1", b"new\nline", b"i\xffj", b"nul", b"x.", b"x "),
        *(b"C:\\x", b"..hidden", "‮evil".encode(), b"-rf", b'"quoted", and'),
    ]
    for number, name in enumerate(names):
        (tree / os.fsdecode(name)).write_bytes(b"%d" % number)
    package = await maker.make(f"points: [{{folder: Names, copy: ['{tree}/*']}}]")
    folder = package.unpacked(tmp_path)
    of = {
        one["original_raw"]: one["name"]
        for one in package.manifest["members"]
        if "original_raw" in one
    }
    assert len(of) == len(names) and len({name.casefold() for name in of.values()}) == len(names)
    contents = sorted(int((folder / name).read_bytes()) for name in of.values())
    assert contents == list(range(len(names)))
    assert len(package.summary) == len(names)
    book = xlrd.open_workbook(file_contents=package.read("CollectionSummaryReport.xls"))
    assert book.sheet_by_index(0).nrows == len(names) + 1


async def test_a_large_member_goes_as_it_comes(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "HELD", 100_000)
    data = os.urandom(1_500_000)
    (tmp_path / "large").write_bytes(data)
    (tmp_path / "small").write_bytes(b"small")
    package = await maker.make(f"points: [{{folder: F, copy: ['{tmp_path}/*'], into: x}}]")
    assert package.read("F/x/large") == data and package.read("F/x/small") == b"small"
    large, small = (package.zip.getinfo(f"F/x/{name}") for name in ("large", "small"))
    assert large.flag_bits & 8 and not small.flag_bits & 8
    package.unpacked(tmp_path)


async def test_a_full_package_says_what_was_left_out_and_is_closed(
    maker: Maker, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(os.urandom(400_000))
    (tmp_path / "c").write_bytes(b"third")
    recipe = f"points: [{{folder: F, copy: ['{tmp_path}/*'], into: x}}]"
    package = await maker.make(recipe, most=writer_room(200_000))
    states = {str(row.file): row.status for row in package.rows}
    assert states == {"x/a": "done", "x/b": "left out", "x/c": "done"}
    assert "MANIFEST.sha256.sig" in package.zip.namelist()
    assert package.zip.testzip() is None


def writer_room(size: int) -> int:
    from endpoint_shim.collecting.package import CLOSING

    return CLOSING + size


async def test_what_may_not_be_read_is_told_and_the_rest_is_there(
    maker: Maker, tmp_path: Path
) -> None:
    """Field reports zip-2gb and one-evtx: one that cannot be read, among others that can."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "closed").mkdir()
    for name in ("a.log", "b.log", "closed/c.log"):
        (folder / name).write_text(name)
    os.mkfifo(folder / "pipe.log")
    (folder / "to.log").symlink_to("a.log")
    maker.off_limits = (str(folder / "b.log"), str(folder / "closed"))
    recipe = f"points: [{{folder: L, copy: ['{folder}/**/*.log'], into: ., file: list.txt}}]"
    package = await maker.make(recipe)
    states = {str(row.file): row.status for row in package.rows}
    assert states["a.log"] == "done" and states["b.log"] == "refused"
    assert states["pipe.log"] == "not a file" and states["to.log"] == "link"
    assert package.read("L/a.log") == b"a.log"
    listed = package.read("L/list.txt").decode()
    assert f"{folder}/a.log: done, 5 bytes\r\n" in listed
    assert f"{folder}/b.log: " in listed and "policy" in listed


async def test_a_file_that_shrinks_or_grows_is_what_it_was_at_its_opening(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(4_000_000))
    first = True
    real = copies.Copies._in_time

    async def cut(self: copies.Copies, call: Awaitable[Any], limit_s: float) -> Any:
        nonlocal first
        found = await real(self, call, limit_s)
        if isinstance(found, bytes) and first:
            first = False
            os.truncate(path, 1_500_000)
        return found

    monkeypatch.setattr(copies.Copies, "_in_time", cut)
    package = await maker.make(f"points: [{{folder: F, copy: ['{path}'], into: .}}]")
    row = package.row("log")
    assert row.status == "cut" and "shrank" in row.error
    assert row.bytes is not None and row.bytes < 4_000_000
    assert package.zip.testzip() is None


async def test_homes_and_missing_paths(maker: Maker) -> None:
    recipe = """
points:
  - {folder: H, copy: ["{home}/.no-such-history-file"]}
  - {folder: H, copy: [/no/such/file, "/no/such/*"]}
  - {folder: H, copy: [/etc/os-release], into: .}
"""
    package = await maker.make(recipe)
    assert [(row.file, row.status) for row in package.rows] == [
        *(("", "empty"), ("no/such/file", "not here"), ("os-release", "done")),
    ]
    assert package.row("os-release").source == "/usr/lib/os-release"


async def test_lists_are_csv_and_exact(maker: Maker) -> None:
    package = await maker.make("points: [{folder: P, file: Processes.csv, rows: processes}]")
    lines = [json.loads(line) for line in package.read("P/Processes.json").splitlines()]
    (mine,) = (one for one in lines if one["pid"] == os.getpid())
    assert mine["path"] == os.path.realpath(sys.executable)
    assert f",{os.getpid()}," in package.read("P/Processes.csv").decode()


async def test_what_the_device_denies_to_a_word_is_not_taken_by_this_one(maker: Maker) -> None:
    maker.denied = ("getfile", "processes")
    recipe = """
points:
  - {folder: A, copy: [/etc/hostname], into: .}
  - {folder: A, file: p.csv, rows: processes}
  - {folder: A, file: c.csv, rows: connections}
"""
    package = await maker.make(recipe)
    states = {str(row.file): row.status for row in package.rows}
    assert states == {".": "refused", "p.csv": "refused", "c.csv": "done", "c.json": "done"}
    assert any("getfile on web-01 by its own policy" in note for note in package.notes)
