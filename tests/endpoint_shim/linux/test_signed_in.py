"""utmp's records."""

from endpoint_shim.linux.signed_in import RECORD, newest, user


def record(kind: int, name: bytes, at: int) -> bytes:
    return RECORD.pack(kind, 1, b"pts/0", b"1", name, b"", 0, 0, 0, at, 0, bytes(16))


def test_the_newest_login_is_named_and_ended_ones_are_not() -> None:
    assert RECORD.size == 384
    data = record(7, b"old", 5) + record(7, b"alice", 9) + record(8, b"gone", 20)
    assert newest(data) == "alice"


def test_a_torn_file_and_hostile_bytes_name_what_can_be_named() -> None:
    assert newest(b"") == "" and newest(record(7, b"x", 1)[:-1]) == ""
    assert newest(record(7, b"\xff\x1b", 1)) == "\\xff\x1b"


async def test_the_systems_own_file_is_read_or_missing() -> None:
    assert isinstance(await user(), str)
