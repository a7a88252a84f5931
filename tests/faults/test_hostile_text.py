"""300 texts of a hostile device in every form of an output: shown for what they are, never obeyed.

On a console each screen is compared with that of a device which sends the same, already written
out: what a terminal shows and how it is set must not differ. The rig is trusted because the broker
in `broken/`, broken on purpose, fails it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.language.visible import visible
from tests.journeys.rig import House
from tests.journeys.screen import Screen
from tests.journeys.test_hostile_text import BAD, DONE, PAYLOADS, SHOWS, Player, clean

pytestmark = [
    pytest.mark.needs("ssh"),
    pytest.mark.timeout(120),
    pytest.mark.slow,
    pytest.mark.xdist_group("hostile_text"),
]

COUNT = 300
PAGE = 40
LIMITS = {"left_open_s": 0.01, "stream_dial_s": 2, "reserve_bytes": 1 << 20}
FINALS = "@ABCDEFGHIJKLMPSTXZ`abcdefghilmnpqrstuwxyz{|}~"
SPLIT = "\x1b]0;never ended", "\x1b[", "\x1b", "\x9b", "\x9d2;x", "\x1bP", "\x1b[38;5", "\x1b]8;;"


def texts() -> Iterator[str]:
    """Every control character, every final of a sequence, then the strings and private modes."""
    yield from PAYLOADS
    yield from SPLIT
    yield from (chr(code) for code in (*range(1, 32), *range(0x80, 0xA0)))
    for final in FINALS:
        yield f"\x1b[{final}"
        yield f"\x1b[7;7{final}"
    yield from (f"\x9b2{final}" for final in FINALS)
    for mode in (1, 5, 6, 7, 25, 47, 66, 1000, 1002, 1006, 1047, 1048, 1049, 2004, 2026):
        yield f"\x1b[?{mode}h"
        yield f"\x1b[?{mode}l"
    for number in (0, 1, 2, 4, 7, 9, 10, 11, 50, 52, 104, 133, 633, 777, 1337):
        yield f"\x1b]{number};?OWNED\x07"
        yield f"\x9d{number};OWNED\x9c"
    yield from (f"\x1b{char}" for char in "78=>DEHMNOZ\\cno|}~")
    yield from (f"\x1b{char}0" for char in "()*+-./#% ")


TEXTS = list(dict.fromkeys(texts()))[:COUNT]
MARKED = [f"<{number}{text}{number}>" for number, text in enumerate(TEXTS)]


def rows(marked: list[str]) -> list[dict[str, Any]]:
    return [{"item": "row", "row": {"pid": n, "name": text}} for n, text in enumerate(marked)]


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with House(tmp_path_factory.mktemp("text") / "house", LIMITS) as house:
        yield Player(house)


def test_there_are_so_many_different_texts() -> None:
    assert len(set(TEXTS)) == COUNT


@pytest.mark.parametrize("form", ["table", "list", "csv", "json"])
async def test_no_form_of_an_exec_holds_what_a_terminal_obeys(player: Player, form: str) -> None:
    ran = await player.exec(f"processes -output {form}", *rows(MARKED), DONE)
    assert ran.status == 0, ran.err
    clean(ran.out)
    if form == "json":
        assert ran.out.isascii() and [r["name"] for r in json.loads(ran.out)] == MARKED
    else:
        missing = [text for text in MARKED if visible(text) not in ran.out]
        assert form == "table" or not missing, missing[:3]


async def test_messages_and_output_hold_nothing_either(player: Player) -> None:
    printed = "".join(f"{text}\n" for text in MARKED).encode()
    said = [{"item": "note", "text": text} for text in MARKED]
    out, err = ({"item": "into", "where": where} for where in ("stdout", "stderr"))
    end = {"item": "done", "exit_code": 0}
    ran = await player.exec("run x.sh", out, printed, err, printed, *said, end)
    clean(ran.out + ran.err, "\n\t")
    assert visible(MARKED[-1]) in ran.out and visible(MARKED[-1]) in ran.err


async def test_a_screen_is_that_of_a_device_that_sends_it_written_out(player: Player) -> None:
    await screens_agree(player, MARKED)


async def screens_agree(player: Player, marked: list[str]) -> None:
    pages = [marked[at : at + PAGE] for at in range(0, len(marked), PAGE)]

    def play(screen: Screen) -> None:
        screen.until(rf"^{BAD} .*>$")
        for number, page in enumerate(pages):
            screen.enter("processes")
            screen.until(rf"<{PAGE * number + len(page) - 1}\S")
            screen.until(rf"^{BAD} .*>$")

    screens = []
    for hostile in (False, True):
        answers = [
            [*rows(page if hostile else [visible(text) for text in page]), DONE] for page in pages
        ]
        screens.append(await player.console(play, *answers, line=f"connect {BAD}"))
    harmless, attacked = screens
    assert told(attacked) == told(harmless), "the screens differ"
    assert len(told(harmless)) == len(marked)
    assert attacked.screen.mode == harmless.screen.mode
    titles = {re.sub(r"S\d+", "S", screen.screen.title) for screen in screens}
    assert titles == {f"{BAD} S"}
    assert attacked.screen.charset == harmless.screen.charset
    for text in marked:
        assert visible(text) == text or text.encode() not in attacked.raw, repr(text)


async def test_a_broker_that_shows_what_comes_is_caught(tmp_path: Path) -> None:
    with (
        House(tmp_path / "house", LIMITS, program=[str(SHOWS)]) as house,
        pytest.raises(AssertionError, match="the screens differ"),
    ):
        await screens_agree(Player(house), ["<0\x1b[31m0>", "<1\x1b]0;OWNED\x071>"])


def told(screen: Screen) -> list[str]:
    """The lines of the tables, as the terminal shows them."""
    return [line for line in screen.all_text.splitlines() if line.partition("<")[1]]
