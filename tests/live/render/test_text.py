"""stdout and stderr: apart, whole, exact in JSON, harmless on a screen; field kinds k01 to k03."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.items import Done, Into, Item
from server.live.render import Shown
from server.live.render.text import JSON_PIECE, Visible
from tests.live.render.screens import PIPE, renderer, screen, shown


def rows(items: list[Item], line: str = "run x.sh -output json") -> list[dict[str, Any]]:
    parsed = json.loads(shown(line, items, PIPE).out)
    assert isinstance(parsed, list)
    return parsed


def whole(found: list[dict[str, Any]], where: str) -> bytes:
    """What docs say: the fields of all rows concatenate."""
    pieces = b""
    for row in found:
        pieces += row.get(where, "").encode()
        pieces += base64.b64decode(row.get(f"{where}_base64", ""))
    return pieces


def test_json_is_one_row_with_both_streams_and_the_exit_code() -> None:
    items: list[Item] = [Into("stdout"), b"a\n", Into("stderr"), b"\x1b[31mb", Into("stdout"), b"c"]
    assert rows([*items, Done(exit_code=3)]) == [
        {"stdout": "a\nc", "stderr": "\x1b[31mb", "exit_code": 3}
    ]


def test_json_of_bytes_that_are_no_utf_8_is_base64_with_the_page() -> None:
    found = rows([Into("stdout", page="cp850"), "è\n".encode("cp850")])
    assert found == [{"stdout_base64": "ig==".replace("ig==", "igo="), "page": "cp850"}]


def test_json_of_no_output_is_an_empty_array() -> None:
    assert rows([]) == [] and rows([Done(exit_code=0)]) == [{"exit_code": 0}]


def test_json_of_much_output_is_many_rows_that_concatenate() -> None:
    data = ("é" * (JSON_PIECE // 2 + 7)).encode() * 3
    items: list[Item] = [Into("stdout")]
    items += [data[i : i + 65_535] for i in range(0, len(data), 65_535)]
    found = rows(items)
    assert len(found) > 1 and whole(found, "stdout") == data
    assert not any("stdout_base64" in row for row in found)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=9)), max_size=9)
)
def test_json_gives_every_byte_of_each_stream_back(pieces: list[tuple[Any, bytes]]) -> None:
    items: list[Item] = []
    for where, data in pieces:
        items += [Into(where), data]
    found = rows(items)
    for where in ("stdout", "stderr"):
        assert whole(found, where) == b"".join(data for w, data in pieces if w == where)


def test_raw_is_the_bytes_as_received() -> None:
    items: list[Item] = [Into("stdout"), b"\x1b[2J\xff\r", Into("stderr"), b"\x00"]
    assert shown("run x.sh -raw", items, PIPE) == Shown(b"\x1b[2J\xff\r", b"\x00")


def test_each_line_of_stderr_is_marked_on_a_terminal() -> None:
    items: list[Item] = [
        Into("stdout"),
        b"half",
        Into("stderr"),
        b"one\ntw",
        b"o\n",
        Into("stdout"),
        b"end",
    ]
    assert screen("run x.sh", items) == "half\n! one\n! two\nend\n0.2 s\n"


def test_a_character_split_between_pieces_and_streams_is_whole() -> None:
    items: list[Item] = [Into("stdout"), b"\xc3", Into("stderr"), b"e\n", Into("stdout"), b"\xa9\n"]
    assert shown("run x.sh", items, PIPE) == Shown("é\n".encode(), b"e\n")


def test_a_line_of_5000_characters_is_neither_wrapped_nor_cut() -> None:
    for style in (PIPE,):
        assert shown("run x.sh", [Into("stdout"), b"x" * 5_000], style).out == b"x" * 5_000
    assert "x" * 5_000 in screen("run x.sh", [Into("stdout"), b"x" * 5_000])


def test_twelve_megabytes_in_one_line_pass_whole_and_at_once() -> None:
    render = renderer("run x.sh", PIPE)
    render.item(Into("stdout"))
    assert sum(len(render.item(b"x" * 65_536).out) for _ in range(192)) == 12 * 1024 * 1024


def test_a_success_that_wrote_to_stderr_is_a_success_shown_with_its_mark() -> None:
    items: list[Item] = [Into("stderr"), b"ERROR: not root\n", Done(exit_code=0)]
    assert screen("run x.sh", items, number=4) == "! ERROR: not root\nexit code 0, 0.2 s, #4\n"


def test_an_answer_of_the_brokers_own_is_broken_between_words() -> None:
    text = Visible(terminal=True, raw=False, columns=20)
    text.into(Into("text"))
    assert text.add(b"S1 verifies: records 1-2\n").out == b"S1 verifies: records\n1-2\n"
