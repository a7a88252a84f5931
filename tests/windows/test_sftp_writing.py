"""The stock sftp and scp writing to a Windows device."""

import os
from pathlib import Path

import pytest

from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh", "sftp", "scp"),
]
BIG = os.urandom(1 << 20) * 3 + b"\r\n\x1aend"
EXISTS = "exists and this connection did not make it"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    here = tmp_path / "here"
    (here / "empty").mkdir(parents=True)
    (here / "sub").mkdir()
    (here / "sub" / "big").write_bytes(BIG)
    (here / "zero").touch()
    for name in ("dot.", "con", "it's [1] \u00fc\u2603\U0001f600.txt"):
        (here / name).write_text(name)
    os.utime(here / "zero", (1_000_000_000, 1_000_000_000))
    return here


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder that the device calls Z:\\..."""
    there = tmp_path / "there"
    there.mkdir()
    return there


def at(live: Live, path: Path) -> str:
    return f"/devices/{live.device}/Z{path}"


@pytest.mark.parametrize("words", [["-rp"], ["-O", "-rp"]])
def test_scp_puts_a_tree_with_names_that_windows_programs_trip_over(
    live: Live, here: Path, there: Path, words: list[str]
) -> None:
    ran = live.client("scp", *words, str(here), f"fireline:{at(live, there)}/new")
    assert (ran.status, ran.err) == (0, "")
    assert sorted(os.listdir(there / "new")) == sorted(os.listdir(here))
    assert (there / "new" / "sub" / "big").read_bytes() == BIG
    assert (there / "new" / "con").read_text() == "con"
    assert int((there / "new" / "zero").stat().st_mtime) == 1_000_000_000


def test_sftp_goes_on_renames_and_replaces_what_it_made_itself(
    live: Live, here: Path, there: Path
) -> None:
    (here / "half").write_bytes(BIG[: len(BIG) // 2])
    top = at(live, there)
    ran = live.sftp(
        f"mkdir {top}/folder", f"put {here}/half {top}/folder/big",
        f"reput {here}/sub/big {top}/folder/big", f"chmod 640 {top}/folder/big",
        f"put {here}/con {top}/folder/again", f"put -p {here}/zero {top}/folder/again",
        f"rename {top}/folder/big {top}/moved", f"put {here}/con {top}/over",
        f"rename {top}/folder/again {top}/OVER", f"rename {top}/folder {top}/called",
    )  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    assert (there / "moved").read_bytes() == BIG
    assert os.listdir(there / "called") == []
    (over,) = [path for path in there.iterdir() if path.name.lower() == "over"]
    assert (over.read_bytes(), int(over.stat().st_mtime)) == (b"", 1_000_000_000)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("put {here}/con {at}/OLD", EXISTS),
        ("put -a {here}/sub/big {at}/old", EXISTS),
        ("mkdir {at}/folder", "exists already"),
        ("rename {at}/old {at}/new", "was not made by this connection"),
        ("put {here}/con {at}/old/new", "is a plain file, not a folder"),
        ("put {here}/con {at}/none/new", "does not exist"),
    ],
)
def test_what_is_refused_is_said_and_changes_nothing(
    live: Live, here: Path, there: Path, line: str, said: str
) -> None:
    (there / "old").write_text("old")
    (there / "folder").mkdir()
    ran = live.sftp(line.format(here=here, at=at(live, there)))
    assert ran.status == 1
    assert said in ran.err or (said == "does not exist" and "No such file" in ran.err)
    assert sorted(os.listdir(there)) == ["folder", "old"]
    assert ((there / "old").read_text(), os.listdir(there / "folder")) == ("old", [])
