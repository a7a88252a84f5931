"""`findfile -hash` and `-newer`, on a real device."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.doors.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def found(rig: Rig, line: str) -> list[Any]:
    ran = await rig.run("alice", f"on web-01 findfile {line} -output json")
    assert ran.status == 0, ran.err
    return sorted(Path(row["path"]).name for row in json.loads(ran.out))


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
async def test_hash_finds_the_bytes_whatever_their_name(
    shared: Rig, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "place"
    (place / "below").mkdir(parents=True)
    bad = b"bad\0" * 700_000
    (place / "good.exe").write_bytes(b"good")
    (place / "below" / "renamed.txt").write_bytes(bad)
    (place / "bad.exe").write_bytes(bad)
    (place / "link").symlink_to(place / "bad.exe")
    os.mkfifo(place / "pipe")
    digest = hashlib.new(kind, bad).hexdigest()
    assert await found(shared, f"* -path {place} -hash {digest}") == ["bad.exe", "renamed.txt"]
    assert await found(shared, f"*.exe -path {place} -hash {digest.upper()}") == ["bad.exe"]
    assert await found(shared, f"* -path {place} -hash {'0' * len(digest)}") == []


async def test_newer_takes_a_time_as_the_tables_show_it(shared: Rig, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for name, at in (("old", 1_795_528_982), ("edge", 1_795_528_983), ("new", 1_795_528_984)):
        (place / name).touch()
        os.utime(place / name, (at, at))
    when = "'2026-11-24 14:03:03Z'"
    assert await found(shared, f"* -path {place} -newer {when}") == ["new"]
    assert await found(shared, f"* -path {place} -newer 2026-11-24") == ["edge", "new", "old"]
    assert await found(shared, f"* -path {place} -newer 2026-11-25") == []


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("-hash abc", "findfile -hash takes an MD5, SHA-1 or SHA-256 in hex, whole"),
        (f"-hash {'g' * 64}", "findfile -hash takes an MD5"),
        ("-newer yesterday", "findfile -newer takes a time such as 2026-11-24 or"),
    ],
)
async def test_what_is_no_digest_and_no_time_is_not_understood(
    shared: Rig, option: str, told: str
) -> None:
    ran = await shared.run("alice", f"on web-01 findfile x -path /tmp {option}")
    assert ran.status == 2 and f"not understood: {told}" in ran.err
