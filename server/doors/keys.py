"""A client's bytes as prompt_toolkit keys, without file descriptors and without blocking the loop.

1. At most 64 bytes are fed in one turn of the loop, and for at most 4 ms; what waits is bounded
   and the channel paused.
2. What ends a line ends a feed: bytes after it belong to whoever comes next (a command's Ctrl-C,
   a shell), and stay here until then.
3. Runs of plain text are inserted at once, a bracketed paste as one text. An escape sequence that
   does not end is cut: the parser keeps every prefix it has seen.
"""

import asyncio
import codecs
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from prompt_toolkit.input import vt100_parser
from prompt_toolkit.input.base import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from commands.language.line import MAX_LINE
from server.doors.leave_keys import REPORT

TURN = 64
LONGEST_TURN = 0.004
"""Seconds; some keys cost more than others."""
HIGH = 64 * 1024
LONGEST_ESCAPE = 32
MOST_PREFIXES = 20_000
PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
PLAIN_BYTES = re.compile(rb"[^\x00-\x1f\x7f]+")
KEY = re.compile(rb"\x1b(?:[\[O][0-9;]{0,8}[A-Za-z~]|.)", re.DOTALL)
BETWEEN = re.compile(rb"\x1b\[200~.*?(?:\x1b\[201~|\Z)|[\x03\x1a]", re.DOTALL)
PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]{2,}\Z")
DROPPED = (Keys.CPRResponse, Keys.Vt100MouseEvent, Keys.WindowsMouseEvent, Keys.Ignore)


class KeyInput(Input):
    """Takes bytes at one end (`data`), gives keys to the prompt that is attached."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.on_key: Callable[[bytes], bool] = lambda key: False
        """Asked for Ctrl-C and Ctrl-Z while no prompt reads; True: it is used up."""
        self.on_too_long: Callable[[], None] = lambda: None
        self.on_flood: Callable[[bool], None] = lambda more: None
        """Told after each turn whether more waits: then it is drawn less often."""
        self.prompt_done: Callable[[], bool] = lambda: False
        self._pause, self._resume = pause, resume
        self._paused = False
        self._waiting = bytearray()
        self._ready: Callable[[], None] | None = None
        self._pumping = False
        self._ended = False
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._key)
        self._in_escape = 0
        self._paste: bytearray | None = None
        self._paste_dropped = False
        self._one_by_one = False
        self._came = asyncio.Event()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    # The client's side.
    def data(self, data: bytes) -> None:
        self._waiting += data
        self._came.set()
        if self._ready is None:
            self._between()
        if len(self._waiting) > HIGH and not self._paused:
            self._paused = True
            self._pause()
        self._pump_soon()

    def eof(self) -> None:
        self._ended = True
        self._came.set()
        self._pump_soon()

    def take(self) -> bytes:
        """What was typed ahead, for whoever reads bytes from here on."""
        data = bytes(self._waiting)
        self._waiting.clear()
        self._let_in()
        return data

    def put_back(self, data: bytes) -> None:
        """Typed-ahead bytes that the next prompt shall see first."""
        self._waiting[:0] = data
        self._pump_soon()

    @contextmanager
    def from_now_on(self) -> Iterator[None]:
        """What was typed before is no answer to what is asked now: the next prompt has it."""
        before = bytes(self._waiting)
        self._waiting.clear()
        self._let_in()
        try:
            yield
        finally:
            self._waiting[:0] = before
            if len(self._waiting) > 2 * HIGH:  # no line is as long
                self._waiting.clear()
                self.on_too_long()
            self._pump_soon()

    @property
    def ended(self) -> bool:
        """Whether the client will send nothing more, and all of it was read."""
        return self._ended and not self._waiting

    async def next_key(self) -> str:
        """One character, for a stop line; empty when nothing more will come."""
        self._one_by_one = True
        try:
            while True:
                while self._waiting:
                    char = self._decoder.decode(bytes(self._waiting[:1]))
                    del self._waiting[:1]
                    self._let_in()
                    if char:
                        return char
                if self._ended:
                    return ""
                self._came.clear()
                await self._came.wait()
        finally:
            self._one_by_one = False

    def look(self) -> None:
        """A command has begun: a Ctrl-C that came together with its Enter is for it."""
        if self._ready is None:
            self._between()

    def _between(self) -> None:
        """No prompt reads: Ctrl-C and Ctrl-Z are for the command that runs.

        A Ctrl-C drops what was typed before it, as a terminal does. Inside a paste they are text.
        """
        if self._one_by_one:
            return
        for found in list(BETWEEN.finditer(self._waiting))[::-1]:
            key = found.group()
            if key == b"\x03" and self.on_key(key):
                del self._waiting[: found.end()]
                return
            if key == b"\x1a" and self.on_key(key):
                del self._waiting[found.start() : found.end()]

    # The pump.
    def _pump_soon(self, rest: float = 0.0) -> None:
        if not self._pumping and self._ready is not None:
            self._pumping = True
            loop = asyncio.get_running_loop()
            if rest:
                loop.call_later(rest, self._pump)
            else:
                loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._ready is None or self.prompt_done():
            return
        began = time.perf_counter()
        fed, until = 0, began + LONGEST_TURN
        while self._waiting and fed < TURN and not self.prompt_done():
            fed += self._feed()
            if self._keys:
                self._ready()
            if time.perf_counter() > until:
                break
        self._let_in()
        if self.ended and not self.prompt_done():
            self._ready()
        self.on_flood(len(self._waiting) > 4 * TURN)
        if self._waiting:
            # As long a rest as the turn was: others need several turns for one key.
            self._pump_soon(time.perf_counter() - began)

    def _let_in(self) -> None:
        if self._paused and len(self._waiting) <= HIGH // 2:
            self._paused = False
            self._resume()

    def _feed(self) -> int:
        """The next piece of what waits: plain text up to a turn's worth, else one key or so."""
        if self._paste is not None:
            self._feed_paste()
            return TURN
        if self._waiting.startswith(PASTE_BEGINS):
            del self._waiting[: len(PASTE_BEGINS)]
            self._paste, self._paste_dropped = bytearray(), False
            return len(PASTE_BEGINS)
        chunk = bytes(self._waiting[:TURN])
        if not self._in_escape and (report := REPORT.match(chunk)):
            del self._waiting[: report.end()]  # a terminal's late answer is no key
            return report.end()
        plain = PLAIN_BYTES.match(chunk)
        cut = plain.end() if plain is not None and not self._in_escape else 0
        if not cut:
            key = KEY.match(chunk)
            cut = key.end() if key is not None else 1
        del self._waiting[:cut]
        self._feed_text(self._decoder.decode(chunk[:cut]))
        return cut

    def _feed_text(self, text: str) -> None:
        if not self._in_escape and PLAIN.match(text):
            self._keys.append(KeyPress(Keys.BracketedPaste, text))
            return
        for char in text:
            if char == "\x1b" or self._in_escape:
                self._in_escape += 1
            self._parser.feed(char)
            if self._parser._in_bracketed_paste:  # the mark came in pieces; the paste is ours
                self._parser.reset()
                self._in_escape = 0
                self._paste, self._paste_dropped = bytearray(), False
            if self._in_escape > LONGEST_ESCAPE:
                self._parser.flush()
                self._in_escape = 0
        if len(vt100_parser._IS_PREFIX_OF_LONGER_MATCH_CACHE) > MOST_PREFIXES:
            vt100_parser._IS_PREFIX_OF_LONGER_MATCH_CACHE.clear()

    def _feed_paste(self) -> None:
        paste = self._paste
        assert paste is not None
        piece = bytes(self._waiting[: HIGH // 4])
        # The mark may begin in what came before.
        before = len(paste)
        paste += piece
        end = paste.find(PASTE_ENDS, max(0, before - len(PASTE_ENDS)))
        if end < 0:
            del self._waiting[: len(piece)]
            if len(paste) > MAX_LINE + len(PASTE_ENDS):
                self._paste_dropped = True
                del paste[: -len(PASTE_ENDS)]
            return
        del self._waiting[: end + len(PASTE_ENDS) - before]
        self._paste = None
        if self._paste_dropped or end > MAX_LINE:
            self.on_too_long()
            return
        text = bytes(paste[:end]).decode("utf-8", "replace")
        self._keys.append(KeyPress(Keys.BracketedPaste, text))

    def _key(self, key: KeyPress) -> None:
        self._in_escape = 0
        if key.key not in DROPPED:
            self._keys.append(key)

    # prompt_toolkit's side.
    def read_keys(self) -> list[KeyPress]:
        keys, self._keys = self._keys, []
        return keys

    def flush_keys(self) -> list[KeyPress]:
        self._parser.flush()
        self._in_escape = 0
        return self.read_keys()

    @property
    def closed(self) -> bool:
        return self.ended

    def fileno(self) -> int:
        raise NotImplementedError("this input has no file descriptor")

    def typeahead_hash(self) -> str:
        return f"fireline-{id(self)}"

    def raw_mode(self) -> AbstractContextManager[None]:
        return nullcontext()

    def cooked_mode(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def attach(self, input_ready_callback: Callable[[], None]) -> Iterator[None]:
        before, self._ready = self._ready, input_ready_callback
        self._pump_soon()
        try:
            yield
        finally:
            self._ready = before

    @contextmanager
    def detach(self) -> Iterator[None]:
        before, self._ready = self._ready, None
        try:
            yield
        finally:
            self._ready = before
            self._pump_soon()
