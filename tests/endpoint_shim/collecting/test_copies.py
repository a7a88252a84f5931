"""Which files a recipe's path means, on a device whose accounts and folders are hostile.

Field reports k14 and k18: one bad line of /etc/passwd, or one user's million files, costs nobody
else's files.
"""

from pathlib import Path

import pytest

from endpoint_shim.collecting import copies, writer
from endpoint_shim.linux import collecting
from tests.endpoint_shim.collecting.maker import Maker

HISTORIES = "points: [{folder: F, copy: ['{home}/.bash_history', '/etc/hostname']}]"
LINES = {
    "a variable": b"x:x:1:1::/home/{home}:/bin/sh",
    "a pattern": b"x:x:1:1::/home/*:/bin/sh",
    "any folder": b"x:x:1:1::/**:/bin/sh",
    "half a pattern": b"x:x:1:1::/h/[:/bin/sh",
    "too deep": b"x:x:1:1::" + b"/a" * 5000 + b":/bin/sh",
    "no text": b"x:x:1:1::/h/\xff:/bin/sh",
    "a NUL": b"x:x:1:1::/h\0x:/bin/sh",
    "no account": b"garbage",
    "upwards": b"x:x:1:1::/etc/../../../etc:/bin/sh",
}


@pytest.fixture
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of one account; what else /etc/passwd holds is the test's."""
    home = tmp_path / "alice"
    home.mkdir()
    (home / ".bash_history").write_text("id\n")
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(collecting, "ACCOUNTS", str(tmp_path / "passwd"))
    monkeypatch.setattr(collecting, "HOMES", str(tmp_path / "home"))
    return home


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
async def test_no_line_of_an_account_spoils_the_others(
    maker: Maker, alice: Path, tmp_path: Path, line: bytes
) -> None:
    account = f"alice:x:1:1::{alice}:/bin/sh\n".encode()
    (tmp_path / "passwd").write_bytes(line + b"\n" + account)
    package = await maker.make(HISTORIES)
    assert package.read(f"F{alice}/.bash_history") == b"id\n"
    assert package.row("etc/hostname").status == "done"
    assert {row.status for row in package.rows} == {"done"}


async def test_a_home_is_a_place_and_no_pattern(maker: Maker, alice: Path, tmp_path: Path) -> None:
    odd = tmp_path / "[ab]*"
    odd.mkdir()
    (odd / ".bash_history").write_text("odd\n")
    (tmp_path / "passwd").write_text(f"odd:x:1:1::{odd}:/bin/sh\n")
    package = await maker.make(HISTORIES)
    own = {str(row.source) for row in package.rows if str(tmp_path) in str(row.source)}
    assert own == {f"{odd}/.bash_history"}


async def test_without_accounts_the_folders_of_home_are_homes(
    maker: Maker, alice: Path, tmp_path: Path
) -> None:
    """A domain's accounts stand in no file of the device."""
    bob = tmp_path / "home" / "bob@example.org"
    bob.mkdir()
    (bob / ".bash_history").write_text("whoami\n")
    package = await maker.make(HISTORIES)
    sources = {str(row.source) for row in package.rows}
    assert {f"{bob}/.bash_history", "/etc/hostname"} <= sources


async def test_a_home_full_of_files_costs_no_other_home_its_turn_and_is_told(
    maker: Maker, alice: Path, tmp_path: Path
) -> None:
    for name in ("full", "last"):
        place = tmp_path / "home" / name / "start"
        place.mkdir(parents=True)
        for number in range(12 if name == "full" else 1):
            (place / f"{number:02}").touch()
    recipe = "points: [{folder: F, copy: ['{home}/start/*', /etc/hostname], most_files: 5}]"
    package = await maker.make(recipe)
    states = [(Path(str(row.file)).parts[-3:], row.status) for row in package.rows]
    full = [(("full", "start", f"{n:02}"), "done") for n in range(5)]
    told = (("full", "start", "05"), "left out")
    assert [one for one in states if "full" in one[0]] == [*full, told]
    assert (("last", "start", "00"), "done") in states
    assert package.row("etc/hostname").status == "done"
    assert any("5 files of {home}/start/* are taken here, and no more" in n for n in package.notes)


async def test_a_search_that_takes_too_long_ends_and_the_next_path_is_looked_for(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = copies._Search
    monkeypatch.setattr(copies, "_Search", lambda left_s, limit_s: real(0.0, limit_s))
    (tmp_path / "a").touch()
    recipe = f"points: [{{folder: F, copy: ['{tmp_path}/**/*', /etc/hostname], into: .}}]"
    package = await maker.make(recipe)
    (late, other) = package.rows
    assert late.status == "timed out" and "looking for files took more than 30 s" in late.error
    assert other.status == "done"


async def test_a_way_up_in_a_path_is_gone(maker: Maker) -> None:
    package = await maker.make("points: [{folder: F, copy: [/etc/../etc/./hostname], into: .}]")
    assert package.row("hostname").source == "/etc/hostname"


async def test_a_package_with_as_many_files_as_it_takes_says_so_once_for_each_path(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_MEMBERS", 5)
    for number in range(20):
        (tmp_path / f"{number:02}").touch()
    recipe = f"""
points:
  - {{folder: F, copy: ['{tmp_path}/*', /etc/hostname], into: ., file: list.txt}}
  - {{folder: G, file: last.txt, text: last}}
"""
    package = await maker.make(recipe)
    states = [(str(row.file), row.status) for row in package.rows]
    assert [status for _, status in states] == [*["done"] * 4, *["left out"] * 4]
    assert states[4:] == [
        *(("04", "left out"), ("hostname", "left out"), ("list.txt", "left out")),
        ("last.txt", "left out"),
    ]
    assert package.zip.testzip() is None
    assert "MANIFEST.sha256.sig" in package.zip.namelist()
