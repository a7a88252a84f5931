"""A person's terminal: the real ssh in a pseudo-terminal, and the screen that a person sees."""

import re
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import pexpect
import pyte


class Glass(pyte.HistoryScreen):
    """pyte's screen, which takes vim's key reports (CSI > 4 ; 2 m) for colours."""

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attributes)


class Screen:
    """One terminal, 80x24 unless said; compare what is on it, never the bytes that made it."""

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
    ) -> None:
        self.screen = Glass(columns, rows, history=5000)
        self.titles: list[str] = []
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            dimensions=(rows, columns),
            env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin", **(env or {})},
            timeout=20,
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        """The client's process."""
        return int(self._child.pid)

    def type(self, text: str | bytes) -> None:
        self._child.send(text)

    def enter(self, line: str) -> None:
        self.type(line + "\r")

    def paste(self, text: str) -> None:
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        self._child.setwinsize(rows, columns)
        self.screen.resize(rows, columns)

    def read(self, seconds: float = 0.05) -> bool:
        """Takes what has come; False at the end of the client."""
        try:
            data = self._child.read_nonblocking(65_536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        if b"\x1b[5n" in data:
            self._child.send(b"\x1b[0n")  # what a real terminal answers
        if b"\x1b[c" in data:
            self._child.send(b"\x1b[?62;c")
        return True

    def skim(self, wanted: bytes, seconds: float = 15.0) -> None:
        """Reads until the bytes come and shows only what follows: pyte is slower than a flood."""
        deadline = time.monotonic() + seconds
        tail = b""
        while wanted not in tail:
            if time.monotonic() > deadline:
                raise AssertionError(f"{wanted!r} did not come")
            came = self._child.read_nonblocking(1 << 20, timeout=seconds)
            self.raw += came
            tail = tail[-4096:] + came
        self._stream.feed(tail[tail.index(wanted) :])
        if b"\x1b[5n" in tail:
            self._child.send(b"\x1b[0n")

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without blanks at their ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    @property
    def all_text(self) -> str:
        """With what has scrolled off the top."""
        above = [
            "".join(line[x].data for x in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        return "\n".join([*above, self.text])

    def until(self, pattern: str | Callable[[Self], bool], seconds: float = 15.0) -> str:
        """Reads until the pattern is on the screen; the screen then."""
        deadline = time.monotonic() + seconds
        while True:
            found = (
                re.search(pattern, self.text, re.MULTILINE)
                if isinstance(pattern, str)
                else pattern(self)
            )
            if found:
                return self.text
            alive = self.read()
            if not alive and not found:
                raise AssertionError(f"the client ended before {pattern!r}:\n{self.text}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} did not come:\n{self.text}")

    def status(self, seconds: float = 15.0) -> int:
        """The client's exit status, after everything was read."""
        deadline = time.monotonic() + seconds
        while self.read():
            if time.monotonic() > deadline:
                raise AssertionError(f"the client did not end:\n{self.text}")
        self._child.close()
        status = self._child.exitstatus
        return -1 if status is None else int(status)
