"""A client's bytes as keys: in turns, bounded, and nothing lost between two readers."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import vt100_parser

from commands.language.line import MAX_LINE
from server.doors.keys import HIGH, KeyInput
from server.doors.own_history import OwnHistory
from server.doors.prompt import Answer, Back, Prompt
from server.doors.screen import make_screen


class Editor:
    """A prompt over a KeyInput, without a client."""

    def __init__(self) -> None:
        self.paused = 0
        self.keys = KeyInput(self._pause, self._resume)
        self.shown = bytearray()
        self.screen = make_screen(self.shown.extend, lambda: (80, 24), "xterm", False)
        with create_app_session(self.keys, self.screen):
            self.prompt = Prompt(
            self.keys, self.screen, OwnHistory(()), None,
            grey=lambda: False, leave_key=lambda: b"\x1d",
        )  # fmt: skip

    def _pause(self) -> None:
        self.paused += 1

    def _resume(self) -> None:
        self.paused -= 1

    async def line(self) -> Answer:
        with create_app_session(self.keys, self.screen):
            return await self.prompt.line(lambda: [("", "> ")])


async def emptied(editor: Editor) -> None:
    """Until all that was given has been fed, or is held in a paste that does not end."""
    while editor.keys._waiting:  # noqa: ASYNC110 (a turn of the loop is what is waited for)
        await asyncio.sleep(0)


class Pressed(list[bytes]):
    """Keys that a command took."""

    def take(self, key: bytes) -> bool:
        self.append(key)
        return True


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    yield Editor()


async def test_what_follows_an_enter_stays_for_the_next_reader(editor: Editor) -> None:
    editor.keys.data(b"one\rtwo\rthree")
    assert await editor.line() == "one"
    assert await editor.line() == "two"
    assert editor.keys.take() == b"three"


async def test_a_leave_key_at_the_prompt_goes_back_with_what_follows_it(editor: Editor) -> None:
    editor.keys.data(b"\x1dls\r")
    assert await editor.line() == Back(b"\x1d")
    assert editor.keys.take() == b"ls\r"


async def test_a_paste_is_one_text_and_its_last_line_end_is_no_enter(editor: Editor) -> None:
    editor.keys.data(b"\x1b[200~one\r\ntwo\r\n\x1b[201~\r")
    assert await editor.line() == "one\ntwo"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_a_paste_in_pieces_is_the_same_paste(editor: Editor, size: int) -> None:
    data = "\x1b[200~é\x03漢\n\x1b[201~x\r".encode()
    reading = asyncio.create_task(editor.line())
    for at in range(0, len(data), size):
        editor.keys.data(data[at : at + size])
        await asyncio.sleep(0)
    assert await reading == "é\x03漢x"


async def test_a_paste_beyond_a_lines_length_is_dropped_whole_and_said(editor: Editor) -> None:
    said: list[bool] = []
    editor.keys.on_too_long = lambda: said.append(True)
    editor.keys.data(b"\x1b[200~" + b"x" * (MAX_LINE + 100) + b"\x1b[201~pwd\r")
    assert await editor.line() == "pwd"
    assert said == [True]


async def test_a_line_of_64_kib_arrives_whole(editor: Editor) -> None:
    editor.keys.data(b"y" * (MAX_LINE - 10) + b"\r")
    assert await editor.line() == "y" * (MAX_LINE - 10)


async def test_a_typed_line_beyond_its_length_is_cleared_and_said(editor: Editor) -> None:
    said: list[bool] = []
    editor.prompt.on_too_long = lambda: said.append(True)
    editor.keys.data(b"y" * (MAX_LINE + 64) + b"\x03pwd\r")
    assert await editor.line() == "pwd"
    assert said == [True]


async def test_the_client_is_paused_while_much_waits(editor: Editor) -> None:
    editor.keys.data(b"z" * (HIGH + 1))
    assert editor.paused == 1
    editor.keys.take()
    assert editor.paused == 0


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x1b[" + b"1" * 20_000,
        b"\x1b[200~" + b"x" * 500_000,
        b"\x12abc" * 300,
        b"\x00\xff\x80" * 300,
    ],
    ids=["endless escape", "endless paste", "searching", "no text"],
)
async def test_hostile_input_never_holds_the_loop_for_long(
    editor: Editor, hostile: bytes, longest_turn: Callable[[], float]
) -> None:
    reading = asyncio.create_task(editor.line())
    editor.keys.data(hostile)
    await emptied(editor)
    assert longest_turn() < 0.2  # with asyncio's debugging; the journey holds 50 ms
    reading.cancel()
    await asyncio.wait({reading})


async def test_the_parsers_memory_of_prefixes_is_bounded(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.doors.keys.MOST_PREFIXES", 500)
    reading = asyncio.create_task(editor.line())
    editor.keys.data(b"".join(b"\x1b[%d;%dR" % (n, n) for n in range(200)))
    await emptied(editor)
    assert len(vt100_parser._IS_PREFIX_OF_LONGER_MATCH_CACHE) <= 600
    reading.cancel()
    await asyncio.wait({reading})


async def test_control_c_between_prompts_is_for_the_command_and_drops_what_was_typed(
    editor: Editor,
) -> None:
    pressed = Pressed()
    editor.keys.on_key = pressed.take
    editor.keys.data(b"typed\x03rest")
    editor.keys.data(b"\x1ago")
    assert pressed == [b"\x03", b"\x1a"]
    assert editor.keys.take() == b"restgo"


async def test_control_c_that_came_with_the_enter_is_for_the_command(editor: Editor) -> None:
    editor.keys.data(b"sleep\r\x03")
    assert await editor.line() == "sleep"
    pressed = Pressed()
    editor.keys.on_key = pressed.take
    editor.keys.look()
    assert pressed == [b"\x03"]


@pytest.mark.parametrize(
    "late", [b"\x1b[0n", b"\x1b[?62;c", b"\x1b]11;rgb:0/0/0\x07", b"\x1b[12;4R", b"\x1b[<0;1;1M"]
)
async def test_a_terminals_late_answer_is_no_key(editor: Editor, late: bytes) -> None:
    editor.keys.data(b"pw" + late + b"d\x1b[D\x1b[C\r")
    assert await editor.line() == "pwd"


async def test_what_was_typed_before_is_kept_for_the_next_prompt(editor: Editor) -> None:
    editor.keys.data(b"pwd")
    with editor.keys.from_now_on():
        editor.keys.data(b"q rest\r")
        assert await editor.keys.next_key() == "q"
    assert await editor.line() == "pwd rest"


async def test_two_prompts_at_once_read_each_their_own_keys() -> None:
    one, two = Editor(), Editor()
    reading = [asyncio.create_task(one.line()), asyncio.create_task(two.line())]
    await asyncio.sleep(0.05)  # both drawn: the second must not have taken the first one's place
    one.keys.data(b"first\r")
    two.keys.data(b"second\r")
    assert [await task for task in reading] == ["first", "second"]
