"""Questions and answers of the guard's own name look-up, hostile ones among them."""

import contextlib
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_shim import dns_message
from endpoint_shim.dns_message import AAAA, A, Cut, Unusable

NAME = b"\6broker\7example\3com\0"


def answer(*records: bytes, number: int = 7, flags: int = 0x8180, kind: int = A) -> bytes:
    head = struct.pack("!HHHHHH", number, flags, 1, len(records), 0, 0)
    return head + NAME + struct.pack("!HH", kind, 1) + b"".join(records)


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c", group: int = 1) -> bytes:
    return name + struct.pack("!HHIH", kind, group, 60, len(data)) + data


FOUR = record(A, bytes([192, 0, 2, 1]))
ASKED = dns_message.question(7, "broker.example.com", A)


def test_a_question_is_what_a_name_server_expects() -> None:
    assert ASKED == b"\0\7\1\0\0\1\0\0\0\0\0\0" + NAME + b"\0\1\0\1"
    assert dns_message.question(7, "bücher.example", A)[12:26] == b"\rxn--bcher-kva"


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_no_question(name: str) -> None:
    with pytest.raises((Unusable, UnicodeError)):
        dns_message.question(1, name, A)


def test_addresses_are_read_behind_the_names_that_lead_to_them() -> None:
    alias = record(5, b"\4edge\xc0\x13")
    other = record(A, bytes([192, 0, 2, 9]), name=b"\4edge\xc0\x13")
    assert dns_message.addresses(ASKED, answer(alias, other, FOUR)) == [
        ip_address("192.0.2.9"), ip_address("192.0.2.1"),
    ]  # fmt: skip
    six = dns_message.question(7, "broker.example.com", AAAA)
    found = record(AAAA, ip_address("2001:db8::1").packed)
    assert dns_message.addresses(six, answer(found, kind=AAAA)) == [ip_address("2001:db8::1")]


def test_a_name_without_addresses_has_none() -> None:
    assert dns_message.addresses(ASKED, answer()) == []
    assert dns_message.addresses(ASKED, answer(flags=0x8183)) == []


@pytest.mark.parametrize(
    "data",
    [
        answer(FOUR, number=8),
        answer(FOUR, flags=0x0180),
        answer(FOUR, flags=0x8182),
        answer(FOUR, kind=AAAA),
        answer(FOUR).replace(b"broker", b"brokes"),
        answer(b"\0"),
        answer(record(A, b"1234", name=b"\1x" * 200)),
        b"",
        b"\0\7",
    ],
)
def test_an_answer_to_something_else_or_a_broken_one_is_unusable(data: bytes) -> None:
    with pytest.raises(Unusable):
        dns_message.addresses(ASKED, data)


def test_a_cut_answer_is_asked_for_again() -> None:
    with pytest.raises(Cut):
        dns_message.addresses(ASKED, answer(flags=0x8380))


def test_records_of_other_kinds_and_wrong_lengths_are_passed_over() -> None:
    odd = [record(A, b"12345"), record(16, b"text"), record(A, b"1234", group=3)]
    assert dns_message.addresses(ASKED, answer(*odd, FOUR)) == [ip_address("192.0.2.1")]


@given(st.binary(max_size=600))
def test_no_bytes_whatever_do_more_than_make_an_answer_unusable(data: bytes) -> None:
    for whole in (data, answer() + data, ASKED[:2] + b"\x81\x80\0\1\xff\xff" + ASKED[8:] + data):
        with contextlib.suppress(Unusable):
            assert len(dns_message.addresses(ASKED, whole)) <= dns_message.MAX_RECORDS
