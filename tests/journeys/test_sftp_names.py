"""Names that are not clean text, through the stock clients: as bytes and typed as `raw:`."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from commands.language import names
from server.live.file_record import FileChunk
from tests.journeys.files_demo import Demo, demo

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")
NASTY = [
    *(b"i\xff\xfej", b"two\nlines", b"\x1b[2Jred\x07", b"100%", b"%41", b"%", b"a\rb\tc"),
    *(b"raw:x", b"raw:i%FFk", b"raw:%zz", b"x", b"\xff" * 200, b" blank ", "\u202egnp".encode()),
]


def raw(name: bytes) -> str:
    """The raw form, as `path_raw` shows it."""
    return "raw:" + "".join(f"%{byte:02X}" for byte in name)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with a file for every nasty name, which holds that name, and a nasty folder."""
    there = tmp_path / "there"
    there.mkdir()
    for name in NASTY:
        (there / os.fsdecode(name)).write_bytes(name)
    below = there / os.fsdecode(b"d\xff")
    below.mkdir()
    for name in (b"raw:x", b"y\xfe"):
        (below / os.fsdecode(name)).write_bytes(name)
    return there


def test_every_name_is_taken_by_its_raw_form(demo: Demo, there: Path, tmp_path: Path) -> None:
    wanted = [
        f"get {quoted(f'{demo.at(there)}/{raw(name)}')} {tmp_path}/{at}"
        for at, name in enumerate(NASTY)
    ]
    ran = demo.sftp(*wanted)
    assert (ran.status, ran.err) == (0, "")
    assert [(tmp_path / str(at)).read_bytes() for at in range(len(NASTY))] == NASTY


@pytest.mark.parametrize("name", NASTY, ids=repr)
def test_every_name_is_taken_by_its_bytes(
    demo: Demo, there: Path, tmp_path: Path, name: bytes
) -> None:
    # scp's remote side is a glob pattern; of these only brackets mean something to it.
    path = f"{demo.at(there)}/".encode() + name.replace(b"[", b"\\[")
    config, got = demo.state / "ssh_config", tmp_path / "got"
    argv: list[str | bytes | Path] = ["scp", "-F", config, b"fireline:" + path, got]
    ran = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (tmp_path / "got").read_bytes() == name


def test_a_tree_keeps_every_name(demo: Demo, there: Path, tmp_path: Path) -> None:
    ran = demo.client("scp", "-r", f"fireline:{demo.at(there)}", str(tmp_path / "here"))
    assert (ran.status, ran.err) == (0, "")
    assert subprocess.run(["diff", "-r", there, tmp_path / "here"], check=False).returncode == 0


def test_what_ls_l_shows_is_what_is_typed_back(demo: Demo, there: Path, tmp_path: Path) -> None:
    ran = demo.sftp(f"ls -l {demo.at(there)}/{raw(b'd' + bytes([255]))}", f"ls -l {demo.at(there)}")
    assert ran.status == 0, ran.err
    shown = [line.split(":", 1)[1][3:] for line in ran.out.splitlines() if line.startswith("-")]
    assert sorted(shown[:2]) == ["raw:raw:x", "raw:y%FE"]
    listed = shown[2:]
    assert len(listed) == len(NASTY)
    wanted = [
        f"get {quoted(f'{demo.at(there)}/{name}')} {tmp_path}/{at}"
        for at, name in enumerate(listed)
    ]
    ran = demo.sftp(*wanted)
    assert (ran.status, ran.err) == (0, "")
    got = {(tmp_path / str(at)).read_bytes() for at in range(len(listed))}
    assert got == set(NASTY)


def test_a_folder_in_its_raw_form_leads_on_to_raw_and_real_names(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    ran = demo.sftp(
        f"cd {demo.at(there)}/raw:d%FF",
        f"get raw:x {tmp_path}/real",
        f"get raw:y%FE {tmp_path}/raw",
    )
    assert (ran.status, ran.err) == (0, "")
    assert (tmp_path / "real").read_bytes() == b"raw:x"
    assert (tmp_path / "raw").read_bytes() == b"y\xfe"


def test_what_a_raw_form_stood_for_is_in_the_record(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    demo.sftp(f"get {demo.at(there)}/raw:i%FF%FEj {tmp_path}/got")
    path = names.from_bytes(os.fsencode(there) + b"/i\xff\xfej")
    assert FileChunk("open", path) in demo.chunks()


def test_a_raw_form_leaves_no_folder(demo: Demo, there: Path) -> None:
    for form in ("raw:..", "raw:%2E%2E", "raw:..%2F..%2Fetc%2Fhosts", "raw:%2Fetc%2Fhosts"):
        path = f"{demo.at(there)}/{form}"
        ran = demo.sftp(f"get {shlex.quote(path)} /dev/null")
        assert ran.status == 1
        assert "not found" in ran.err
