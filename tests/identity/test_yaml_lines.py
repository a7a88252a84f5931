"""YAML whose values know their line, and what is not taken of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.identity.yaml_lines import Fault, parse


def test_every_value_knows_its_line_and_its_key() -> None:
    top = parse(b"# first\na:\n  - x\n  - b: y\n").fields(("a",), ("a",))
    one, two = top["a"].items()
    assert (one.line, one.key, one.text()) == (3, "a[1]", "x")
    value = two.fields(("b", "c"), ())["b"]
    assert (value.line, value.key, value.text()) == (4, "a[2].b", "y")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (b"", 1, "empty"),
        (b"a: 1\n---\nb: 2\n", 2, "another document"),
        (b"a: [1\n", 2, "not YAML"),
        (b"a: &x [1]\nb: *x\n", 1, "anchors"),
        (b"a:\n  b: *x\n", 2, "anchors"),
        (b"a:\n- !!python/object:os.system x\n", 2, "tags"),
        (b"a: !x y\n", 1, "tags"),
        (b"a:\n\n  \xff\n", 3, "UTF-8"),
        (b"a: \x01\n", 1, "forbids"),
        (b"[" * 100_000, 1, "levels|depth"),
        (b"{a: " * 100_000, 1, "levels"),
    ],
)
def test_a_file_that_is_not_taken_is_refused_at_its_line(
    text: bytes, line: int, message: str
) -> None:
    with pytest.raises(Fault, match=message) as fault:
        parse(text)
    assert fault.value.line == line


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 123)
    )
    with pytest.raises(Fault, match="anchors"):
        parse(bomb)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: no", "no is no text here; put it in quotes"),
        (b"a: 12", "12 is no text"),
        (b"a: 2026-01-01", "is no text"),
        (b"a:", "nothing|no text"),
        (b"a: [x]", "a list stands where text"),
        (b"a: {x: y}", "a mapping stands where text"),
    ],
)
def test_what_yaml_makes_of_unquoted_words_is_said(text: bytes, message: str) -> None:
    with pytest.raises(Fault, match=message):
        parse(text).entries()["a"][1].text()


def test_lists_and_mappings_take_nothing_twice() -> None:
    with pytest.raises(Fault, match="x stands here twice"):
        parse(b"[x, y, x]").texts()
    with pytest.raises(Fault, match="a stands twice, first in line 1") as fault:
        parse(b"a: x\na: y\n").entries()
    assert (fault.value.line, fault.value.key) == (2, "a")
    with pytest.raises(Fault, match="text stands where a list"):
        parse(b"x").items()
    with pytest.raises(Fault, match="a list stands where a mapping"):
        parse(b"[]").entries()


def test_unknown_and_missing_keys_are_named() -> None:
    with pytest.raises(Fault, match="b is no key here; known: a"):
        parse(b"b: x").fields(("a",), ())
    with pytest.raises(Fault, match="a is missing"):
        parse(b"{}").fields(("a",), ("a",))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8")))
def test_any_bytes_are_a_value_or_a_fault(data: bytes) -> None:
    try:
        assert parse(data).line >= 1
    except Fault as fault:
        assert fault.line >= 1
