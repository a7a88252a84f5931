"""utmp's records."""

from pathlib import Path

from endpoint_shim.linux.signed_in import RECORD, newest, user
from endpoint_shim.pipe import Found


def record(kind: int, name: bytes, at: int) -> bytes:
    return RECORD.pack(kind, 1, b"pts/0", b"1", name, b"", 0, 0, 0, at, 0, bytes(16))


def test_the_newest_login_is_named_and_ended_ones_are_not() -> None:
    assert RECORD.size == 384
    data = record(7, b"old", 5) + record(7, b"alice", 9) + record(8, b"gone", 20)
    assert newest(data) == ("alice", 9)


def test_a_torn_file_and_hostile_bytes_name_what_can_be_named() -> None:
    assert newest(b"") == ("", 0) and newest(record(7, b"x", 1)[:-1]) == ("", 0)
    assert newest(record(7, b"\xff\x1b", 1)) == ("\\xff\x1b", 1)


async def test_who_is_here_and_who_was_last_come_from_their_own_files(tmp_path: Path) -> None:
    (tmp_path / "u").write_bytes(record(8, b"gone", 20))
    (tmp_path / "w").write_bytes(record(7, b"bob", 30) * 3000 + record(7, b"alice", 40))
    found = await user(tmp_path / "u", tmp_path / "w")
    assert (found.user, found.last_user, found.last_user_ms) == ("", "alice", 40_000)


async def test_files_that_are_missing_name_nobody(tmp_path: Path) -> None:
    assert await user(tmp_path / "u", tmp_path / "w") == Found()


async def test_the_systems_own_files_are_read_or_missing() -> None:
    assert isinstance((await user()).user, str)
