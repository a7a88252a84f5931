"""Lines, their hashes, and what a change to them is called."""

import hashlib
import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audit.chain import ZEROS, Damage, check, envelope, seal
from server.audit.decoding import decode_body
from server.audit.records import Body, Note, Violation


class Row(NamedTuple):
    seq: int
    kind: str
    line: bytes
    hash: bytes


TIME = "2026-11-24T14:02:51.120Z"


def rows(count: int, journal: str = "S1") -> list[Row]:
    found, prev = [], ZEROS
    for seq in range(1, count + 1):
        line, digest = seal(journal, seq, TIME, Note(f"note {seq}"), prev)
        found.append(Row(seq, "note", line, digest))
        prev = digest.hex()
    return found


def resealed(row: Row, text: str) -> Row:
    outer = envelope(row.line)
    assert outer is not None
    line, digest = seal(outer.journal, row.seq, TIME, Note(text), outer.prev)
    return row._replace(line=line, hash=digest)


def test_a_line_is_ascii_json_with_the_whole_envelope() -> None:
    line, digest = seal("S1", 1, TIME, Violation("d1", "wéb\u202e\x7f\U0001f600", "x\ny"), ZEROS)
    assert line.isascii() and b"\n" not in line and b"\x7f" not in line
    fields = json.loads(line)
    assert list(fields) == ["journal", "seq", "time", "kind", "device", "name", "what", "prev"]
    assert fields["name"] == "wéb\u202e\x7f\U0001f600"
    assert digest == hashlib.sha256(line).digest()


def test_a_lone_surrogate_does_not_lose_the_record() -> None:
    line, _ = seal("S1", 1, TIME, Note("bad \udcff name"), ZEROS)
    assert decode_body("note", line) == Note("bad \\udcff name")


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    line, _ = seal("S1", 1, TIME, Note(text), ZEROS)
    assert decode_body("note", line) == Note(text)
    assert line.isascii()


def test_a_whole_journal_has_no_damage() -> None:
    assert list(check("S1", rows(50))) == []


def test_an_empty_journal_has_none_either() -> None:
    assert list(check("S1", [])) == []


@pytest.mark.parametrize(("gone", "named"), [((0, 2), (1, 2)), ((4, 7), (5, 7)), ((8, 9), (9, 9))])
def test_missing_records_are_named_as_a_range(
    gone: tuple[int, int], named: tuple[int, int]
) -> None:
    whole = rows(10)
    del whole[slice(*gone)]
    assert list(check("S1", whole)) == [Damage(*named, "missing")]


def test_a_changed_line_is_named_with_its_kind_and_time() -> None:
    whole = rows(10)
    whole[4] = whole[4]._replace(line=whole[4].line.replace(b"note 5", b"note 6"))
    assert list(check("S1", whole)) == [Damage(5, 5, f"changed after sealing: note, {TIME}")]


def test_a_line_that_was_sealed_again_is_named_and_no_other() -> None:
    whole = rows(10)
    whole[4] = resealed(whole[4], "nothing to see")
    assert list(check("S1", whole)) == [Damage(5, 5, "changed and sealed again")]


def test_two_that_changed_places_are_both_named() -> None:
    whole = rows(10)
    third, fourth = whole[2], whole[3]
    whole[2], whole[3] = fourth._replace(seq=3), third._replace(seq=4)
    assert {damage.first for damage in check("S1", whole)} >= {3, 4}


def test_a_line_of_another_journal_is_out_of_place() -> None:
    whole = rows(3)
    whole[2] = rows(3, "S2")[2]
    assert list(check("S1", whole))[-1] == Damage(3, 3, "out of place: it is S2 3")


def test_a_changed_stored_hash_is_told_from_a_changed_line() -> None:
    whole = rows(5)
    whole[1] = whole[1]._replace(hash=bytes(32))
    assert list(check("S1", whole)) == [Damage(2, 2, "its stored hash was changed")]


def test_a_changed_kind_column_is_named() -> None:
    whole = rows(5)
    whole[1] = whole[1]._replace(kind="login")
    assert list(check("S1", whole)) == [Damage(2, 2, "its kind was changed in the store")]


@given(st.integers(0, 11), st.integers(0, 10_000), st.integers(0, 7), st.booleans())
def test_every_bit_flip_is_named_where_it_is(at: int, byte: int, bit: int, in_hash: bool) -> None:
    whole = rows(12)
    raw = bytearray(whole[at].hash if in_hash else whole[at].line)
    raw[byte % len(raw)] ^= 1 << bit
    flipped = bytes(raw)
    row = whole[at]
    whole[at] = row._replace(hash=flipped) if in_hash else row._replace(line=flipped)
    assert [damage.first for damage in check("S1", whole)] == [at + 1]


def test_no_body_uses_a_name_of_the_envelope() -> None:
    names = {"journal", "seq", "time", "kind", "prev"}
    for kind in Body.__subclasses__():
        assert not names & set(kind.__struct_fields__), kind
