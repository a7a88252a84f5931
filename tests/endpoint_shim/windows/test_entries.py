"""A folder's entries out of the kernel's bytes, whatever the names and times are."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from commands.language.names import from_text, to_units
from endpoint_shim.windows import entries

NAMES = st.text(st.characters(codec=None, exclude_characters="\\/\0"), min_size=1, max_size=255)
TIMES = st.integers(-(2**63), 2**63 - 1)


def record(name: str, times: tuple[int, int, int, int], attributes: int, tag: int = 0) -> bytes:
    units = name.encode("utf-16-le", "surrogatepass")
    head = struct.pack("<II4qqqII", 0, 0, *times, 7, 4096, attributes, len(units))
    return head + struct.pack("<IB1x24s2xQ", tag, 0, b"", 1) + units


def buffer(records: list[bytes]) -> bytes:
    """Records as they follow one another, each at a multiple of eight."""
    data = b""
    for number, one in enumerate(records):
        padded = one + b"\0" * (-len(one) % 8)
        last = number == len(records) - 1
        data += one if last else struct.pack("<I", len(padded)) + padded[4:]
    return data


@given(st.lists(st.tuples(NAMES, st.tuples(TIMES, TIMES, TIMES, TIMES)), min_size=1, max_size=5))
def test_names_and_times_are_exact_and_names_survive_the_wire(
    wanted: list[tuple[str, tuple[int, int, int, int]]],
) -> None:
    found = list(entries.entries(buffer([record(name, times, 0x20) for name, times in wanted])))
    for one, (name, times) in zip(found, wanted, strict=True):
        units = name.encode("utf-16-le", "surrogatepass")
        assert one.name.encode("utf-16-le", "surrogatepass") == units
        assert (one.created, one.accessed, one.written, one.changed) == times
        assert (one.size, one.kind) == (7, "file")
        assert to_units(from_text(one.name)) == one.name


def test_a_junction_is_a_link_and_no_folder() -> None:
    (found,) = entries.entries(record("j", (0, 0, 0, 0), 0x410, entries.MOUNT_POINT))
    assert (found.kind, found.is_directory) == ("link", False)


def test_a_file_in_a_cloud_is_a_file() -> None:
    (found,) = entries.entries(record("f", (0, 0, 0, 0), 0x420, 0x9000001A))
    assert (found.kind, found.is_directory) == ("file", False)


def test_an_open_handles_facts() -> None:
    basic = struct.pack("<qqqqI4x", 1, 2, 3, 4, 0x13)
    found = entries.facts(basic, 9, 0)
    assert (found.created, found.accessed, found.written, found.changed) == (1, 2, 3, 4)
    assert (found.kind, found.size, found.attributes) == ("directory", 9, 0x13)


def stream(name: str, size: int, following: bool) -> bytes:
    units = name.encode("utf-16-le", "surrogatepass")
    data = struct.pack("<IIqq", 0, len(units), size, 4096) + units
    data += b"\0" * (-len(data) % 8)
    return struct.pack("<I", len(data)) + data[4:] if following else data


def test_named_streams_come_with_their_sizes_and_the_files_own_does_not() -> None:
    data = stream("::$DATA", 9, True) + stream(":Zone.Identifier:$DATA", 26, True)
    data += stream(":a \ud800b:$DATA", 1 << 40, False)
    found = list(entries.streams(data))
    assert found == [("Zone.Identifier", 26), ("a \ud800b", 1 << 40)]
    assert list(entries.streams(b"")) == []


def test_tags_say_what_stands_there() -> None:
    for tag, kind in (
        (entries.SYMLINK, "link"),
        (0xA0001234, "link"),
        (0, "link"),
        (0x80000024, "pipe"),
        (0x80000023, "socket"),
        (0x80000013, "file"),
    ):
        (found,) = entries.entries(record("x", (0, 0, 0, 0), 0x420, tag))
        assert found.kind == kind
    (folder,) = entries.entries(record("x", (0, 0, 0, 0), 0x410, 0xA0001234))
    assert folder.is_link_to_folder


def test_a_placeholder_is_known_by_its_attributes() -> None:
    for attributes, elsewhere in ((0x20, False), (0x1020, True), (0x400020, True), (0x40010, True)):
        (found,) = entries.entries(record("x", (0, 0, 0, 0), attributes))
        assert found.is_elsewhere is elsewhere


def test_ranges_of_data_come_as_they_are_asked_for() -> None:
    """A FILE_ALLOCATED_RANGE_BUFFER: an offset and a length; half a one counts for nothing."""
    assert entries.range_of(65_536, 1 << 40) == struct.pack("<qq", 65_536, 1 << 40)
    data = struct.pack("<4q", 0, 4096, 1 << 40, 65_536)
    assert entries.ranges(data) == [(0, 4096), (1 << 40, (1 << 40) + 65_536)]
    assert entries.ranges(data[:-1]) == [(0, 4096)]
    assert entries.ranges(b"") == []
