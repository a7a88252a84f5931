"""Field reports k14: a package whose members are large, closed, or have names that trip openers.

`zip-slip` asks for archives that are unpacked on a device (`putfile -unpack`): no word does that.
"""

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.field import DEVICE, Field, quoted

pytestmark = pytest.mark.needs("ssh", "sftp", "unzip", "sha256sum")
NAMES = (
    "a b.txt",
    "a%20b.txt",
    "A B.TXT",
    "C:\\x.txt",
    "100%.txt",
    "%2e%2e%2fup.txt",
    "..\\up.txt",
)
LARGE = 2_362_232_013
"""Over two gibibytes, which old zip readers and writers take for a negative number."""


@pytest.fixture
def recipe(field: Field) -> Iterator[Path]:
    """The device owner's own, to be written by the test."""
    folder = field.house.shims[DEVICE].state / "recipes.d"
    folder.mkdir(mode=0o700)
    path = folder / "mine.yaml"
    path.touch(0o600)
    yield path
    path.unlink()
    folder.rmdir()


def collected(field: Field, folder: Path, limit: float = 60) -> Path:
    """The package's folder, unpacked by a stock program."""
    ran = field.house.run(f"on {DEVICE} collect -only Mine -comment INC-14", limit=limit)
    found = re.search(r"(/packages/\S+\.zip)", ran.err)
    assert found is not None, ran
    got = field.client("sftp", "-q", "-b", "-", "fireline", stdin=f"get {found[1]} {folder}/p.zip")
    assert got.status == 0, got
    out = folder / "out"
    subprocess.run(["unzip", "-q", "-d", str(out), f"{folder}/p.zip"], check=True)
    checked = ["sha256sum", "--strict", "--quiet", "-c", "MANIFEST.sha256"]
    subprocess.run(checked, cwd=out, check=True)
    return out


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files that hold their own names."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name)
    return folder


def test_zip_urlenc_members_are_readable_and_one_to_one(
    field: Field, recipe: Path, tree: Path, tmp_path: Path
) -> None:
    recipe.write_text(f"points: [{{folder: Mine, copy: ['{tree}/*'], into: .}}]\n")
    out = collected(field, tmp_path)
    told = json.loads((out / "MANIFEST.json").read_text())["members"]
    of = {one["original"]: one["name"] for one in told if str(tree) in one.get("original", "")}
    assert {Path(path).name for path in of} == set(NAMES)
    assert len({name.casefold() for name in of.values()}) == len(NAMES)
    for path, name in of.items():
        assert (out / name).read_text() == Path(path).name
    assert {"Mine/a%20b.txt", "Mine/100%.txt", "Mine/A B.TXT"} <= set(of.values())
    assert not (tmp_path / "up.txt").exists()


def test_zip_urlenc_getfile_keeps_both_apart(field: Field, tree: Path, tmp_path: Path) -> None:
    lines = [f"getfile {quoted(tree / name)}" for name in NAMES]
    ran = field.lines("\n".join([*lines, "exit", ""]))
    assert ran.status == 0, ran
    folder = tmp_path / "evidence"
    folder.mkdir()
    got = field.client(
        "sftp", "-q", "-b", "-", "fireline", stdin=f"get -r /evidence/{field.session()} {folder}"
    )
    assert got.status == 0, got
    texts = {path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert set(NAMES) <= texts


def test_a_file_of_whatever_date_spoils_no_package(
    field: Field, recipe: Path, tmp_path: Path
) -> None:
    """A variant of ours: anybody may date a file, and zip has room for some dates alone."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number, seconds in enumerate((-(10**9), 0, 2**31 - 1, 2**31, 7 * 10**9, 2**33)):
        (tree / str(number)).write_text(str(number))
        os.utime(tree / str(number), (seconds, seconds))
    recipe.write_text(f"points: [{{folder: Mine, copy: ['{tree}/*'], into: .}}]\n")
    out = collected(field, tmp_path)
    assert {path.read_text() for path in (out / "Mine").iterdir()} == set("012345")
    told = json.loads((out / "MANIFEST.json").read_text())["members"]
    assert {"2191-10-27T12:26:40Z"} < {one.get("modified_utc") for one in told}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_zip_2gb_a_large_member_comes_whole_and_a_closed_one_is_told(
    field: Field, recipe: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with (tree / "large.bin").open("wb") as file:
        file.truncate(LARGE)
        file.seek(LARGE - 3)
        file.write(b"end")
    (tree / "noread.txt").write_text("x\n")
    (tree / "small.txt").write_text("small\n")
    policy = field.house.shims[DEVICE].state / "policy.toml"
    policy.write_text(f'off_limits = ["{tree}/noread.txt"]\n')
    policy.chmod(0o600)
    recipe.write_text(f"points: [{{folder: Mine, copy: ['{tree}/*'], into: .}}]\n")
    try:
        out = collected(field, tmp_path, 1200)
    finally:
        policy.unlink()
    assert (out / "Mine/small.txt").read_text() == "small\n"
    assert (out / "Mine/large.bin").stat().st_size == LARGE
    with (out / "Mine/large.bin").open("rb") as file:
        file.seek(LARGE - 3)
        assert file.read() == b"end"
    with zipfile.ZipFile(tmp_path / "p.zip") as package:
        assert package.getinfo("Mine/large.bin").file_size == LARGE
    [row] = [
        line for line in (out / "CollectionSummaryReport.csv").read_text().splitlines()
        if "noread.txt" in line
    ]  # fmt: skip
    assert "refused" in row and "policy" in row
