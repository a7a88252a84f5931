"""Terminals of a device (PTY on Linux, ConPTY on Windows), by callbacks, no queue between."""

from collections.abc import Callable
from typing import Protocol


class Terminal(Protocol):
    """An open terminal. Bytes written after its end are dropped."""

    def write(self, data: bytes) -> bool:
        """Gives input; False: full, stop until `on_writable` is called."""
        ...

    def resize(self, columns: int, rows: int) -> None: ...
    def pause(self) -> None:
        """Stops reading the terminal's output (back-pressure)."""
        ...

    def resume(self) -> None: ...

    def end_input(self) -> None:
        """Nothing more will be typed; what reads lines from a pipe ends by it."""
        ...

    def signal(self, name: str) -> None:
        """Sends the process group of what was started a signal of wire.SIGNALS."""
        ...

    def hang_up(self) -> None:
        """Ends it as a closed window would; everything in its group ends."""
        ...

    @property
    def on_output(self) -> Callable[[bytes], None]: ...
    @on_output.setter
    def on_output(self, callback: Callable[[bytes], None]) -> None: ...
    @property
    def on_error(self) -> Callable[[bytes], None]: ...
    @on_error.setter
    def on_error(self, callback: Callable[[bytes], None]) -> None:
        """Given what stands on standard error, where no terminal mixes the two."""
        ...

    @property
    def on_writable(self) -> Callable[[], None]: ...
    @on_writable.setter
    def on_writable(self, callback: Callable[[], None]) -> None: ...
    @property
    def on_quiet(self) -> Callable[[bool], None]: ...
    @on_quiet.setter
    def on_quiet(self, callback: Callable[[bool], None]) -> None:
        """Told when the terminal reads whole lines without echo (a password), and when no more."""
        ...

    @property
    def on_note(self) -> Callable[[str], None]: ...
    @on_note.setter
    def on_note(self, callback: Callable[[str], None]) -> None:
        """Told what the person should know of this terminal, such as what it cannot do."""
        ...

    async def wait(self) -> int:
        """The shell's exit status, after its last output was given to `on_output`."""
        ...


class Terminals(Protocol):
    """Opening. With a `line` the shell runs that and ends, as sshd has it; `home`: in the account's
    home, not in the responder's folder."""

    async def open(
        self, columns: int, rows: int, line: bytes | None = None, *, home: bool = False
    ) -> Terminal:
        """The user's shell as a login in a new terminal; 0 columns or rows mean 80 or 24."""
        ...

    async def open_plain(self, line: bytes | None = None, *, home: bool = False) -> Terminal:
        """The user's shell as a login without a terminal: it reads lines, echoes nothing."""
        ...
