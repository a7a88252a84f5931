"""Frames in time, what the person's own screen showed, and pauses made short."""

from pathlib import Path

import pytest

from server.audit.chunks import SIZE, Kind, genesis, pack
from server.audit.replay import (
    Frame,
    Mark,
    frames,
    length,
    marks,
    opened,
    parse_at,
    screen,
    without_pauses,
)

Piece = tuple[Kind, int, int, bytes]
START = b'{"session":"S1","started":"2026-11-24T14:02:51.000Z"}'


def record(path: Path, pieces: list[Piece]) -> Path:
    chain, raw = genesis("S1"), b""
    for kind, terminal, ms, data in [(Kind.OPENED, 0, 0, START), *pieces]:
        chunk, chain = pack(kind, terminal, ms, data, chain)
        raw += chunk
    path.write_bytes(raw)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "S1.rec"


def test_frames_come_in_order_with_their_time(path: Path) -> None:
    record(path, [(Kind.INPUT, 4, 1500, b"id\r"), (Kind.OUTPUT, 4, 1520, b"uid=0\r\n")])
    assert list(frames(path)) == [
        Frame(1.5, Kind.INPUT, 4, b"id\r"),
        Frame(1.52, Kind.OUTPUT, 4, b"uid=0\r\n"),
    ]
    assert opened(path).started == "2026-11-24T14:02:51.000Z"
    assert length(path) == 1.52


def test_commits_show_nothing_and_resizes_say_their_size(path: Path) -> None:
    record(path, [(Kind.COMMIT, 0, 9, bytes(40)), (Kind.RESIZE, 4, 10, SIZE.pack(120, 40))])
    [frame] = frames(path)
    assert frame.size == (120, 40)


def test_a_damaged_chunk_does_not_hold_back_the_rest(path: Path) -> None:
    record(path, [(Kind.OUTPUT, 1, n, b"piece %d" % n) for n in range(4)])
    path.write_bytes(path.read_bytes().replace(b"piece 1", b"piece X"))
    assert [frame.data for frame in frames(path)] == [
        b"piece 0",
        b"piece X",
        b"piece 2",
        b"piece 3",
    ]


def test_commands_are_marks(path: Path) -> None:
    record(path, [(Kind.MARKER, 0, 762_000, b"#6 getfile"), (Kind.OUTPUT, 0, 763_000, b"x")])
    assert marks(path) == [Mark(762.0, "#6 getfile")]


def test_a_terminal_left_running_is_silent_until_the_person_is_back() -> None:
    found = [
        Frame(0, Kind.OUTPUT, 4, b"$ "),
        Frame(1, Kind.AWAY, 4, b""),
        Frame(2, Kind.OUTPUT, 4, b"meanwhile "),
        Frame(3, Kind.OUTPUT, 0, b"fireline> "),
        Frame(4, Kind.OUTPUT, 4, b"and more"),
        Frame(5, Kind.BACK, 4, b""),
        Frame(6, Kind.OUTPUT, 4, b"seen"),
    ]
    assert list(screen(found)) == [
        Frame(0, Kind.OUTPUT, 4, b"$ "),
        Frame(3, Kind.OUTPUT, 0, b"fireline> "),
        Frame(5, Kind.OUTPUT, 4, b"meanwhile and more"),
        Frame(6, Kind.OUTPUT, 4, b"seen"),
    ]


def test_what_was_missed_is_its_last_64_kib() -> None:
    found = [Frame(1, Kind.AWAY, 4, b"")]
    found += [Frame(2, Kind.OUTPUT, 4, bytes([n]) * 30_000) for n in range(9)]
    [missed] = screen([*found, Frame(3, Kind.BACK, 4, b"")])
    assert missed.data == (bytes([6]) * 30_000 + bytes([7]) * 30_000 + bytes([8]) * 30_000)[-65536:]


def test_long_pauses_are_cut_and_short_ones_kept() -> None:
    found = [Frame(at, Kind.OUTPUT, 1, b"") for at in (1.0, 1.5, 61.5, 62.0)]
    assert [frame.at_s for frame in without_pauses(found, 2)] == [1.0, 1.5, 3.5, 4.0]
    assert [frame.at_s for frame in without_pauses(found, None)] == [1.0, 1.5, 61.5, 62.0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("08:22", 502.0), ("1:08:22", 4102.0), ("0:05.5", 5.5), ("8:70", None), ("x", None)],
)
def test_times_as_people_write_them(text: str, seconds: float | None) -> None:
    assert parse_at(text) == seconds
