"""The chunk form: what is written comes back, and what was touched does not pass."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.audit.chunks import Chunk, Kind, Reader, genesis, name_of, pack

PIECES = [b"one", b"", b"three" * 100, b"\x1b[2J", b"5"]


def written(path: Path, pieces: list[bytes] | None = None) -> bytes:
    chain = genesis(name_of(path))
    raw = b""
    for number, piece in enumerate(PIECES if pieces is None else pieces):
        chunk, chain = pack(Kind.OUTPUT, 1, number, piece, chain)
        raw += chunk
    path.write_bytes(raw)
    return raw


def read(path: Path, *, past_damage: bool = False) -> tuple[list[Chunk], Reader]:
    reader = Reader(path, past_damage=past_damage)
    return list(reader), reader


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary()))
def test_what_was_written_comes_back(tmp_path: Path, pieces: list[bytes]) -> None:
    raw = written(tmp_path / "S1.rec", pieces)
    chunks, reader = read(tmp_path / "S1.rec")
    assert [chunk.data for chunk in chunks] == pieces
    assert (reader.tail.end, reader.tail.what) == (len(raw), "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_no_bit_flip_passes(tmp_path: Path, at: int, bit: int) -> None:
    raw = bytearray(written(tmp_path / "S1.rec"))
    raw[at % len(raw)] ^= 1 << bit
    (tmp_path / "S1.rec").write_bytes(raw)
    _, reader = read(tmp_path / "S1.rec", past_damage=True)
    assert reader.damage or reader.tail.what


def test_one_damaged_chunk_does_not_hold_back_the_others(tmp_path: Path) -> None:
    path = tmp_path / "S1.rec"
    raw = bytearray(written(path))
    raw[raw.index(b"three")] ^= 1
    path.write_bytes(raw)
    chunks, reader = read(path, past_damage=True)
    assert len(chunks) == 5
    assert [chunk.data[:5] for chunk in reader.damage] == [b"uhree"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_a_cut_file_ends_at_its_last_whole_chunk(tmp_path: Path, at: int) -> None:
    path = tmp_path / "S1.rec"
    raw = written(path)
    path.write_bytes(raw[: at % len(raw)])
    chunks, reader = read(path)
    assert reader.tail.end <= at % len(raw)
    assert reader.tail.what == ("torn" if reader.tail.end < at % len(raw) else "")
    assert [chunk.data for chunk in chunks] == PIECES[: len(chunks)]


def test_a_recording_cannot_stand_for_another(tmp_path: Path) -> None:
    raw = written(tmp_path / "S1.rec")
    (tmp_path / "S2.rec").write_bytes(raw)
    _, reader = read(tmp_path / "S2.rec")
    assert reader.tail.what == "changed"


def test_a_reader_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "S1.rec"
    raw = written(path)
    path.write_bytes(raw[:-3])
    reader = Reader(path)
    assert len(list(reader)) == 4
    path.write_bytes(raw)
    assert [chunk.data for chunk in reader] == [b"5"]
    assert list(reader) == []


def test_a_file_is_known_by_its_place() -> None:
    assert name_of(Path("recordings/S12.rec")) == "S12"
    assert name_of(Path("results/S12/3.res")) == "S12#3"
