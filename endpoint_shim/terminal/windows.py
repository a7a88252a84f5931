"""A terminal on Windows: cmd.exe on a ConPTY, tied to its owner by callbacks.

1. The shell starts suspended, in the command's job.
2. ConPTY takes and gives UTF-8; the bytes pass as they are, and a paused reader stops the console.
3. The shell's end is its process's end: that of the output may never come. Then the console is
   closed, which has it say what it still holds, and that is read.
4. It cannot be told here that a password is being read: `on_quiet` is never called.
"""

import asyncio
import ntpath
import sys
from collections.abc import Callable

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from commands.language.names import Name, to_units
from endpoint_shim.groups import Group
from endpoint_shim.terminal.questions import Questions
from endpoint_shim.terminal.size import usual
from endpoint_shim.terminal.windows_input import Typed
from endpoint_shim.terminal.windows_plain import ENDING, plain_shell
from endpoint_shim.windows import consoles
from endpoint_shim.windows.child import Child
from endpoint_shim.windows.login import environment, system_folder, windows_folder
from endpoint_shim.windows.output import output_pipe
from endpoint_shim.windows.pseudo_console import PseudoConsole
from endpoint_shim.windows.quoting import for_program, for_shell
from endpoint_shim.windows.starting import Order, started

assert sys.platform == "win32"

QUIET_S = 0.05
"""So long nothing new to show after the shell's end: what it drew last is drawn."""
DRAIN_S = 2.0
NO_RESIZE = "this device's system does not change the size of a terminal that is open"


class WindowsTerminals:
    """Terminals that belong to `group` and begin in `folder`; `prefix` is a program that starts
    the shell, where the system's console needs one: whole, or beside this Python."""

    def __init__(self, group: Group, folder: Name, prefix: tuple[str, ...]) -> None:
        self._group = group
        self._folder = to_units(folder)
        self._prefix = prefix

    async def open(
        self, columns: int, rows: int, line: bytes | None = None, *, home: bool = False
    ) -> Terminal:
        size = usual(columns, rows)
        words = await asyncio.to_thread(environment)
        typed, (shows, writes) = Typed(), output_pipe()
        try:
            console = PseudoConsole(typed.reads, writes.fileno(), *size)
            try:
                child = self._started(console.handle, words, line, home)
            except BaseException:
                console.close()
                raise
        except BaseException as error:
            typed.give_up()
            shows.close()
            if isinstance(error, OSError):
                raise Failed(f"no terminal could be opened: {error.strerror}") from error
            raise
        finally:
            typed.started()
            writes.close()
        terminal = WindowsTerminal(console, child, typed, size)
        await typed.connect()
        await asyncio.get_running_loop().connect_read_pipe(lambda: terminal, shows)
        return terminal

    async def open_plain(self, line: bytes | None = None, *, home: bool = False) -> Terminal:
        words = await asyncio.to_thread(environment)
        return await plain_shell(words, self._begins(words, home), self._group, line)

    def _begins(self, words: dict[str, str], home: bool) -> str:
        return words.get("USERPROFILE", self._folder) if home else self._folder

    def _started(
        self, console: int, words: dict[str, str], line: bytes | None, home: bool
    ) -> Child:
        program = shell = str(system_folder() / "cmd.exe")
        command = for_shell(shell, line)
        if self._prefix:
            program = ntpath.join(ntpath.dirname(sys.executable), self._prefix[0])
            command = f"{for_program([program, *self._prefix[1:]])} {command}"
        # What the system starts must not inherit that this process ignores Ctrl-C.
        consoles.heed_ctrl_c()
        for folder in (self._begins(words, home), str(windows_folder().anchor)):
            try:
                order = Order(program, command, folder, words, console=console)
                return started(order, self._group.add)
            except (NotADirectoryError, FileNotFoundError):
                continue
        raise Failed("no terminal could be opened: not even the system's drive can be entered")


class WindowsTerminal(asyncio.Protocol):
    """The protocol's Terminal over a pseudo console."""

    def __init__(
        self, console: PseudoConsole, child: Child, typed: Typed, size: tuple[int, int]
    ) -> None:
        self._console, self._child, self._typed = console, child, typed
        self._size = self._drawn_size = size
        self._transport: asyncio.ReadTransport | None = None
        self._questions = Questions(typed.write)
        self._paused = True
        self._heard = 0
        self._over = asyncio.Event()
        self._on_output: Callable[[bytes], None] = lambda _: None
        self.on_error: Callable[[bytes], None] = lambda _: None
        self.on_quiet: Callable[[bool], None] = lambda _: None
        self.on_note: Callable[[str], None] = lambda _: None

    @property
    def on_output(self) -> Callable[[bytes], None]:
        return self._on_output

    @on_output.setter
    def on_output(self, callback: Callable[[bytes], None]) -> None:
        self._on_output = callback
        self.resume()  # nothing is read before somebody takes it

    @property
    def on_writable(self) -> Callable[[], None]:
        return self._typed.on_writable

    @on_writable.setter
    def on_writable(self, callback: Callable[[], None]) -> None:
        self._typed.on_writable = callback

    def write(self, data: bytes) -> bool:
        self._questions.typed(data)
        return self._typed.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """One that comes before the console has drawn anything is lost there: said again then."""
        wanted = usual(columns, rows)
        if wanted == self._size:
            return
        self._size = wanted
        if self._heard:
            self._resize_now()

    def signal(self, name: str) -> None:
        """Ctrl-C is a key here; what has to end is ended; Windows has no other signals."""
        if name == "INT":
            self._typed.write(b"\x03")
        elif name in ENDING:
            self._child.kill()

    def end_input(self) -> None:
        """A terminal's end is a key that is typed, nothing more."""

    def pause(self) -> None:
        self._paused = True
        if self._reading:
            self._reading.pause_reading()

    def resume(self) -> None:
        self._paused = False
        if self._reading:
            self._reading.resume_reading()

    def hang_up(self) -> None:
        """Ends what is attached as a closed window does; the owner ends the job."""
        self._questions.close()
        self._console.close()
        self._typed.abort()
        if self._reading:
            self._reading.close()

    async def wait(self) -> int:
        status = await self._child.wait()
        await self._silence(QUIET_S)
        self._console.close()
        await self._silence(DRAIN_S)
        self.hang_up()
        return status

    async def _silence(self, seconds: float) -> None:
        """Until its output has ended, or nothing came for so long that nobody holds back."""
        while not self._over.is_set():
            heard = self._heard
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                if heard == self._heard and not self._paused:
                    return

    @property
    def _reading(self) -> asyncio.ReadTransport | None:
        if self._transport is None or self._transport.is_closing():
            return None
        return self._transport

    def _resize_now(self) -> None:
        self._drawn_size = self._size
        if not self._console.resize(*self._size):
            self.on_note(NO_RESIZE)

    # asyncio's callbacks.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)
        self._transport = transport
        if self._paused:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        self._questions.shown(data)
        self._on_output(bytes(data))  # asyncio gives its own buffer here
        if self._size != self._drawn_size:
            self._resize_now()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()
