"""Packages cut off at every byte, and by hostile devices: always a valid zip of whole members."""

import hashlib
import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from commands.language import zipped
from commands.language.zipped import Entry, central, following, header
from server.audit import closing
from server.audit.closing import close_package

PLAN = b"1\tA/a.txt\tone\r\n2\tB/b.txt\ttwo\r\n3\tC/c.txt\tthree\r\n"
LARGE = os.urandom(3000) * 40


def member(name: str, data: bytes, point: int, *, streamed: bool = False) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    entry = Entry(name, point, modified=1_700_000_000, streamed=streamed)
    before = header(entry)
    entry.size, entry.packed, entry.crc = len(data), len(packed), zlib.crc32(data)
    return before + packed + following(entry) if streamed else header(entry) + packed


NAMES = [zipped.PLAN, "A/a.txt", "B/b.txt", "C/c.txt"]
WHOLE = [
    member(zipped.PLAN, PLAN, 0),
    member("A/a.txt", b"first", 1),
    member("B/b.txt", LARGE, 2, streamed=True),
    member("C/c.txt", b"third" * 100, 3),
]


def closed(folder: Path, data: bytes) -> tuple[list[str], str, closing.Closed]:
    """The members of what becomes of it, INCOMPLETE.txt, and what is said of the file."""
    path = folder / "x.zip"
    path.write_bytes(data)
    said = close_package(path)
    made = path.read_bytes()
    assert (said.size, said.sha256) == (len(made), hashlib.sha256(made).hexdigest())
    with zipfile.ZipFile(io.BytesIO(made)) as found:
        assert found.testzip() is None
        *names, last = found.namelist()
        assert last == zipped.INCOMPLETE and len(names) == said.members
        return names, found.read(last).decode(), said


def test_cut_off_at_any_byte_it_is_a_valid_zip_of_what_came_whole(tmp_path: Path) -> None:
    data = b"".join(WHOLE)
    ends = [sum(map(len, WHOLE[:count])) for count in range(len(WHOLE) + 1)]
    names = NAMES
    near = {end + more for end in ends for more in range(-3, 4)}
    for at in sorted(cut for cut in {*near, *range(0, len(data), 199)} if 0 <= cut <= len(data)):
        found, _, _ = closed(tmp_path, data[:at])
        assert found == names[: sum(end <= at for end in ends) - 1], at


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    _, said, _ = closed(tmp_path, WHOLE[0] + WHOLE[2] + WHOLE[3][:50])
    assert "up to data point 2 of 3" in said
    assert "Not collected:\r\n  3\tC/c.txt\tthree\r\n" in said
    assert "no file came of:\r\n  1\tA/a.txt\tone\r\n" in said


def test_closing_it_twice_changes_nothing(tmp_path: Path) -> None:
    first = closed(tmp_path, b"".join(WHOLE[:3]) + b"PK\x03\x04torn")
    path = tmp_path / "x.zip"
    assert close_package(path) == first[2]


def test_a_whole_package_whose_end_nobody_confirmed_keeps_all_its_members(tmp_path: Path) -> None:
    data = b"".join(WHOLE)
    entries: list[Entry] = []
    names, said, _ = closed(tmp_path, data + central(entries, len(data)))
    assert len(names) == 4 and "Not collected:\r\n  nothing\r\n" in said


def test_whole_is_only_what_a_shim_writes_to_its_last_byte(tmp_path: Path) -> None:
    signed = [*WHOLE, member(zipped.SIGNATURE, b"signature", 0)]
    path, data = tmp_path / "x.zip", b"".join(signed)
    path.write_bytes(data)
    entries = closing_entries(path)
    whole = data + central(entries, len(data))
    for made, is_one in (
        (whole, True),
        (whole + b"x", False),
        (whole[:-1], False),
        (data, False),
        (b"".join(WHOLE) + central(entries[:-1], sum(map(len, WHOLE))), False),
        (b"prefix" + whole, False),
        (b"no zip at all", False),
    ):
        path.write_bytes(made)
        assert closing.is_whole(path) is is_one


def closing_entries(path: Path) -> list[Entry]:
    with path.open("rb") as file:
        reader = closing._Reader(file)
        reader.read()
        return reader.entries


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../x", "a//b", "C:\\x", "a\\b", "x.", "x ", "a\nb", "\u202ex", "A/A.TXT", ""],
)
def test_a_hostile_name_ends_the_reading(tmp_path: Path, name: str) -> None:
    names, _, _ = closed(tmp_path, WHOLE[0] + WHOLE[1] + member(name, b"x", 2) + WHOLE[3])
    assert names == [zipped.PLAN, "A/a.txt"]


def test_a_header_that_no_shim_writes_ends_the_reading(tmp_path: Path) -> None:
    good = WHOLE[1]
    for at in range(zipped.HEADER.size):
        spoiled = good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]
        names, _, _ = closed(tmp_path, WHOLE[0] + spoiled + WHOLE[3])
        assert names == [zipped.PLAN], at


def test_what_unpacks_to_too_much_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "UNPACKED", 1 << 20)
    bomb = member("B/bomb", bytes(8 << 20), 2, streamed=True)
    names, _, _ = closed(tmp_path, WHOLE[0] + bomb)
    assert names == [zipped.PLAN]
