"""The export: lines that the real asciinema plays, and nothing of the recording lost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.audit.cast import cast
from server.audit.chunks import COUNT, SIZE, Kind
from tests.audit.test_replay import Piece, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "S1.rec"


def events(path: Path, pieces: list[Piece], **options: Any) -> list[list[Any]]:
    lines = [json.loads(line) for line in cast(record(path, pieces), **options)]
    assert lines[0]["version"] == 2
    return lines[1:]


def test_the_header_has_the_first_size_and_the_start(path: Path) -> None:
    record(path, [(Kind.OUTPUT, 0, 0, b"x"), (Kind.RESIZE, 4, 10, SIZE.pack(120, 40))])
    header = json.loads(next(cast(path)))
    assert (header["width"], header["height"]) == (120, 40)
    assert (header["timestamp"], header["title"]) == (1795528971, "S1")


def test_each_kind_has_its_event(path: Path) -> None:
    pieces = [
        (Kind.MARKER, 0, 1000, b"#1 shell"),
        (Kind.RESIZE, 1, 1100, SIZE.pack(100, 30)),
        (Kind.INPUT, 1, 1200, b"sudo id\r"),
        (Kind.OUTPUT, 1, 1300, b"\x1b[1mroot\x1b[0m\r\n"),
        (Kind.QUIET, 1, 1400, COUNT.pack(7)),
        (Kind.GAP, 1, 1500, b"the stream broke"),
    ]
    assert events(path, pieces) == [
        [1.0, "m", "#1 shell"],
        [1.1, "r", "100x30"],
        [1.2, "i", "sudo id\r"],
        [1.3, "o", "\x1b[1mroot\x1b[0m\r\n"],
        [1.4, "i", "\u2022" * 7],
        [1.5, "o", "\r\n[the stream broke]\r\n"],
    ]


def test_a_character_split_between_chunks_stays_one(path: Path) -> None:
    raw = "é€😀".encode()
    pieces = [(Kind.OUTPUT, 1, n, raw[n : n + 1]) for n in range(len(raw))]
    assert "".join(event[2] for event in events(path, pieces)) == "é€😀"


def test_two_terminals_do_not_mix_their_halves(path: Path) -> None:
    pieces = [
        (Kind.OUTPUT, 1, 0, b"\xc3"),
        (Kind.OUTPUT, 2, 1, b"x"),
        (Kind.OUTPUT, 1, 2, b"\xa9"),
    ]
    assert [event[2] for event in events(path, pieces)] == ["x", "é"]


def test_bytes_that_are_no_text_are_seen(path: Path) -> None:
    pieces = [(Kind.OUTPUT, 1, 0, b"a\xffb"), (Kind.OUTPUT, 1, 1, b"\xe2\x82")]
    assert "".join(event[2] for event in events(path, pieces)) == r"a\xffb\xe2\x82"


def test_output_passes_the_filter_and_input_does_not(path: Path) -> None:
    class Upper:
        def passed(self, data: bytes) -> bytes:
            return data.upper()

    pieces = [(Kind.INPUT, 1, 0, b"in"), (Kind.OUTPUT, 1, 1, b"out")]
    assert [e[2] for e in events(path, pieces, screen_filter=Upper)] == ["in", "OUT"]


def test_lines_are_ascii(path: Path) -> None:
    record(path, [(Kind.OUTPUT, 1, 0, "\u202e\x9d\x7f".encode())])
    assert all(line.isascii() and line.count("\n") == 1 for line in cast(path))


def test_the_real_asciinema_prints_it(path: Path, tmp_path: Path) -> None:
    pieces = [
        (Kind.MARKER, 0, 10, b"#1 shell"),
        (Kind.RESIZE, 1, 20, SIZE.pack(100, 30)),
        (Kind.INPUT, 1, 30, b"x"),
        (Kind.OUTPUT, 1, 40, "gr\u00fcn \u20ac\r\n".encode() + b"\xff\r\n"),
        (Kind.OUTPUT, 1, 90_000, b"done\r\n"),
    ]
    record(path, pieces)
    file = tmp_path / "S1.cast"
    file.write_text("".join(cast(path, longest_pause=0.1)))
    shown = subprocess.run(
        [sys.executable, "-m", "asciinema", "cat", str(file)],
        capture_output=True,
        timeout=30,
        env={"LC_ALL": "C.UTF-8", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.decode() == "grün €\r\n\\xff\r\ndone\r\n"
