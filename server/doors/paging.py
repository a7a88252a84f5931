"""Long output on a terminal: whole up to 500 lines, then one stop line (console.md, rule 10).

1. `q` stops the showing only; the command runs on and its result is kept.
2. What was typed before a stop line was shown is no answer to it.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from server.live.render import Shown

FREE_LINES = 500
LONGEST_SEARCH = 200

Key = Callable[[], Awaitable[str]]
"""The next key of the person, as a character; empty when the client is gone."""
FromNowOn = Callable[[], AbstractContextManager[None]]
"""Within it the keys are those that are pressed from its start on."""


class Pager:
    """Counts what is shown, and stops it screen by screen."""

    def __init__(
        self,
        show: Callable[[Shown], None],
        redraw: Callable[[str], None],
        key: Key,
        rows: Callable[[], int],
        drain: Callable[[], Awaitable[None]],
        from_now_on: FromNowOn,
    ) -> None:
        self._show, self._redraw, self._rows, self._drain = show, redraw, rows, drain
        self._key, self._from_now_on = key, from_now_on
        self._left = FREE_LINES
        self._all = False
        self._quit = False
        self._seeking = ""

    async def page(self, shown: Shown) -> bool:
        """Shows a piece; False once the person wants no more."""
        if self._quit:
            return False
        if shown.err or self._all:
            self._show(shown)
            return True
        lines = shown.out.splitlines(keepends=True)
        at = 0
        while at < len(lines):
            if self._seeking:
                at = self._found(lines, at)
                if self._seeking:
                    return True
            piece = lines[at : at + self._left]
            self._show(Shown(out=b"".join(piece)))
            await self._drain()
            at += len(piece)
            if piece and piece[-1].endswith(b"\n"):
                self._left -= len(piece)
            if self._left <= 0 and not await self._stop():
                self._quit = True
                return False
            if self._all:
                self._show(Shown(out=b"".join(lines[at:])))
                return True
        return True

    def _found(self, lines: list[bytes], at: int) -> int:
        """Where the text that is looked for stands; past the end while it was not found."""
        wanted = self._seeking.encode("utf-8", "replace").lower()
        for index in range(at, len(lines)):
            if wanted in lines[index].lower():
                self._seeking = ""
                self._left = max(self._rows() - 1, 1)
                return index
        return len(lines)

    async def _stop(self) -> bool:
        with self._from_now_on():
            return await self._answered()

    async def _answered(self) -> bool:
        while True:
            self._redraw("space more, a all, / find, q stops showing")
            key = await self._key()
            self._redraw("")
            if key == " " or key in ("\r", "\n"):
                self._left = 1 if key != " " else max(self._rows() - 1, 1)
                return True
            if key == "a":
                self._all = True
                return True
            if key in ("q", "Q", "\x03", "\x04", ""):
                return False
            if key == "/" and await self._ask():
                return True

    async def _ask(self) -> bool:
        """The text to look for, typed after the slash."""
        text = ""
        while True:
            self._redraw(f"/{text}")
            key = await self._key()
            if key in ("\r", "\n"):
                self._redraw("")
                self._seeking, self._left = text, max(self._rows() - 1, 1)
                return bool(text)
            if key in ("\x03", "\x04", "\x1b", ""):
                self._redraw("")
                return False
            if key in ("\x7f", "\x08"):
                text = text[:-1]
            elif key.isprintable() and len(text) < LONGEST_SEARCH:
                text += key
