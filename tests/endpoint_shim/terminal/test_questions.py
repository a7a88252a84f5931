"""What a console asks as it begins is answered once, and only where no terminal answers."""

import asyncio

from endpoint_shim.terminal.questions import BEGINNING_S, Questions


class Console:
    """What was written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.answered = asyncio.Event()

    def write(self, data: bytes) -> bool:
        self.written.append(data)
        self.answered.set()
        return True


async def test_a_question_that_nobody_answers_is_answered_once() -> None:
    console = Console()
    questions = Questions(console.write)
    questions.shown(b"\x1b[2J\x1b[6n")
    questions.shown(b"\x1b[6n")
    async with asyncio.timeout(10):
        await console.answered.wait()
    assert console.written == [b"\x1b[1;1R"]


async def test_the_terminals_own_answer_is_the_only_one() -> None:
    console = Console()
    questions = Questions(console.write)
    questions.shown(b"\x1b[c")
    questions.typed(b"\x1b[?62;c")
    questions.shown(b"\x1b[6n")
    async with asyncio.timeout(10):
        await console.answered.wait()
    assert console.written == [b"\x1b[1;1R"]


async def test_keys_that_answer_nothing_leave_the_question_open() -> None:
    console = Console()
    questions = Questions(console.write)
    questions.shown(b"\x1b[c")
    questions.typed(b"dir\r")
    async with asyncio.timeout(10):
        await console.answered.wait()
    assert console.written == [b"\x1b[?1;0c"]


async def test_a_programs_question_later_on_is_not_answered_here() -> None:
    console = Console()
    questions = Questions(console.write)
    questions._until -= BEGINNING_S + 1
    questions.shown(b"\x1b[6n")
    assert not questions._open
