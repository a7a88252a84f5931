"""Field reports k13: trees that loop, are huge, are deep, or refuse."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.names import Name, to_bytes
from tests.journeys.field import Field


def test_junction_loop_links_are_shown_and_not_followed(field: Field, tmp_path: Path) -> None:
    (tmp_path / "Application Data").symlink_to("..")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "needle.txt").write_text("once\n")
    rows = field.rows(f"findfile needle.txt -path {tmp_path}")
    assert [row["path"] for row in rows] == [f"{tmp_path}/needle.txt"]
    kinds = {Path(row["path"]).name: row["kind"] for row in field.rows(f"dir {tmp_path}")}
    assert kinds == {"Application Data": "link", "a": "link", "b": "link", "needle.txt": "file"}
    refused = field.on(f"cat {tmp_path}/a")
    assert refused.status == 3 and f"{tmp_path}/a is a link to b" in refused.err


@pytest.fixture
def looped(tmp_path: Path) -> Iterator[Path]:
    """A folder that is mounted below itself."""
    inner = tmp_path / "top" / "inner"
    inner.mkdir(parents=True)
    bound = subprocess.run(["mount", "--bind", str(inner.parent), str(inner)], capture_output=True)
    if bound.returncode != 0:
        pytest.skip("no mount can be made here; it needs root")
    yield inner.parent
    subprocess.run(["umount", str(inner)], check=True)


def test_junction_loop_a_bind_mount_of_an_ancestor_is_entered_once(
    field: Field, looped: Path
) -> None:
    (looped / "needle.txt").write_text("once\n")
    ran = field.on(f"findfile needle.txt -path {looped} -output json")
    assert ran.status == 0 and ran.out.count("needle.txt") == 1


def test_winsxs_sixty_thousand_entries_are_searched_in_seconds(
    field: Field, tmp_path: Path
) -> None:
    for number in range(60_000):
        name = f"needle{number}" if number % 6000 == 0 else f"amd64_component_{number:06}_none"
        os.close(os.open(tmp_path / name, os.O_CREAT | os.O_WRONLY))
    began = time.monotonic()
    rows = field.rows(f"findfile needle* -path {tmp_path}")
    assert len(rows) == 10 and time.monotonic() - began < 10
    ran = field.on(f"dir {tmp_path} -output csv")
    assert ran.status == 0 and len(ran.out.splitlines()) == 60_001


def test_bad_reparse_broken_links_are_rows_and_the_listing_goes_on(
    field: Field, tmp_path: Path
) -> None:
    targets = {
        b"gone": b"/nowhere/at/all",
        b"long": b"x" * 4000,
        b"bytes": b"\xff\xfe\x1b[2J",
        b"self": b"self",
        b"slash": b"/" * 3000,
    }
    for name, target in targets.items():
        os.symlink(target, os.path.join(os.fsencode(tmp_path), name))
    (tmp_path / "good.txt").write_text("good\n")
    rows = {Path(row["path"]).name: row for row in field.rows(f"dir {tmp_path}")}
    assert len(rows) == 6 and rows["good.txt"]["kind"] == "file"
    for name in targets:
        assert rows[name.decode()]["kind"] == "link"
        fact = field.row(f"fileinfo {tmp_path}/{name.decode()}")
        assert fact["kind"] == "link"
    assert rows["gone"]["target"] == "/nowhere/at/all"
    assert to_bytes(Name(rows["bytes"]["target_raw"])) == targets[b"bytes"]
    assert b"\x1b" not in field.raw(f"dir {tmp_path} -output list").stdout


def test_slow_owner_a_thousand_unknown_owners_cost_no_time(field: Field, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    for number in range(1000):
        file = tmp_path / f"f{number:04}"
        file.touch()
        os.chown(file, 2_000_000_000 + number % 7, 2_000_000_000)
    began = time.monotonic()
    assert len(field.rows(f"dir {tmp_path}")) == 1000
    fact = field.row(f"fileinfo {tmp_path}/f0003")
    assert (fact["owner"], fact["group"]) == ("2000000003", "2000000000")
    assert time.monotonic() - began < 10


def test_deep_a_tree_of_five_thousand_folders_is_searched_to_its_end(
    field: Field, tmp_path: Path
) -> None:
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("bottom.txt", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    try:
        (row,) = field.rows(f"findfile bottom.txt -path {tmp_path}")
        assert row["path"].endswith("/d/d/bottom.txt") and row["path"].count("/d") >= 5000
    finally:
        # Deeper than a path can be long: pytest's own clearing could not remove it.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
