"""A line editor for terminals that move no cursor (TERM=dumb): text, backspace, line ends."""

import asyncio
from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples

from commands.language.line import MAX_LINE
from commands.language.visible import visible
from server.doors.keys import KeyInput
from server.doors.prompt import Answer, Back, Stopped

ENDS, ERASES = ("\r", "\n"), ("\x7f", "\x08")


class PlainPrompt:
    """The same as `Prompt`, as far as such a terminal can."""

    def __init__(
        self,
        keys: KeyInput,
        write: Callable[[bytes], None],
        leave_key: Callable[[], bytes] = lambda: b"\x1d",
    ) -> None:
        self._keys, self._write, self._leave_key = keys, write, leave_key
        self._typing: asyncio.Task[Answer] | None = None
        self._message, self._text = "", ""
        self.on_too_long: Callable[[], None] = lambda: None

    @property
    def reading(self) -> bool:
        return self._typing is not None

    async def line(self, message: Callable[[], StyleAndTextTuples]) -> Answer:
        """One line; EOFError for Ctrl-D on an empty one and at the client's end."""
        marked = "[ZeroWidthEscape]"
        return await self._read("".join(part[1] for part in message() if part[0] != marked))

    async def ask(self, question: str) -> str:
        """The answer to a question; Ctrl-D is the empty one."""
        try:
            answer = await self._read(question)
        except EOFError:
            return ""
        return answer if isinstance(answer, str) else ""

    def stop(self) -> None:
        """Takes the prompt away."""
        if self._typing is not None:
            self._typing.cancel()

    def above(self, write: Callable[[], None]) -> None:
        """A line of its own, then the prompt again with what is typed."""
        if self.reading:
            self._write(b"\r\n")
        write()
        if self.reading:
            self._draw()

    def resized(self) -> None:
        """Nothing is drawn by position."""

    async def _read(self, message: str) -> Answer:
        self._message, self._text = message, ""
        typing = self._typing = asyncio.create_task(self._typed())
        self._draw()
        try:
            await asyncio.wait({typing})
            return Stopped() if typing.cancelled() else typing.result()
        finally:
            self._typing = None
            typing.cancel()
            self._write(b"\r\n")

    async def _typed(self) -> Answer:
        while True:
            key = await self._keys.next_key()
            if key == "" or (key == "\x04" and not self._text):
                raise EOFError
            if key in ENDS:
                return self._text
            if key.encode() == self._leave_key():
                return Back(key.encode())
            if key == "\x03":
                self._write(b"^C\r\n")
                self._text = ""
                self._draw()
            elif key in ERASES:
                if self._text:
                    self._text = self._text[:-1]
                    self._write(b"\b \b")
            elif key >= " " or key == "\t":
                self._add(key)

    def _add(self, key: str) -> None:
        if len(self._text) >= MAX_LINE:
            self._text = ""
            self.on_too_long()
            return
        self._text += key
        self._write(visible(key, keep="\t").encode("utf-8", "backslashreplace"))

    def _draw(self) -> None:
        self._write((self._message + self._text).encode("utf-8", "backslashreplace"))
