"""A terminal on Linux: the user's login shell on a PTY, tied to its owner by callbacks.

1. posix_spawn makes the session and opens the PTY in it, so that it is the shell's controlling
   terminal: no code of ours runs between fork and exec.
2. Output is read straight into `on_output`, nothing is kept; paused, it stays in the kernel.
3. A password prompt is ECHO off *and* ICANON on: at a shell prompt ECHO is off all the time.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Iterator

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from commands.language.names import Name, to_bytes
from endpoint_shim.groups import Group
from endpoint_shim.linux.child import BACK_TO_DEFAULT, Child, forget_ignored_signals
from endpoint_shim.linux.login import Login, argv, environment, login
from endpoint_shim.terminal.posix_input import Typed
from endpoint_shim.terminal.posix_plain import plain_shell
from endpoint_shim.terminal.size import usual

READ = 65_536
DRAIN_S = 0.5
LOOK_AGAIN_S = 0.03
_TERMINAL = {"TERM": "xterm-256color"}


class PosixTerminals:
    """Terminals that belong to `group` and begin in `folder`."""

    def __init__(self, group: Group, folder: Name) -> None:
        self._group = group
        self._folder = to_bytes(folder)

    async def open(
        self, columns: int, rows: int, line: bytes | None = None, *, home: bool = False
    ) -> Terminal:
        who = await asyncio.to_thread(login)
        master, slave = os.openpty()
        try:
            set_size(master, columns, rows)
            pid = self._spawned(who, os.ttyname(slave), line, home)
            child = Child(pid)
        except OSError as error:
            os.close(master)
            raise Failed(f"no terminal could be opened: {error.strerror}") from error
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return PosixTerminal(master, child)

    async def open_plain(self, line: bytes | None = None, *, home: bool = False) -> Terminal:
        who = await asyncio.to_thread(login)
        try:
            with standing_in(self._begins(who, home), who.home) as folder:
                return plain_shell(who, folder, self._group, line)
        except OSError as error:
            raise Failed(f"no shell could be started: {error.strerror}") from error

    def _begins(self, who: Login, home: bool) -> bytes:
        return os.fsencode(who.home) if home else self._folder

    def _spawned(self, who: Login, tty: str, line: bytes | None, home: bool) -> int:
        begins = self._begins(who, home)
        with standing_in(begins, who.home) as folder, self._group.inside():
            forget_ignored_signals()
            pid = os.posix_spawn(
                who.shell,
                argv(who, line),
                environment(who, folder, **_TERMINAL),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, tty, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_DUP2, 0, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=BACK_TO_DEFAULT,
            )
        self._group.add(pid)
        return pid


@contextlib.contextmanager
def standing_in(folder: bytes, home: str) -> Iterator[bytes]:
    """posix_spawn knows no folder: the process stands there itself for that one call."""
    before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        for place in (folder, os.fsencode(home), b"/"):
            with contextlib.suppress(OSError):
                os.chdir(place)
                break
        yield place
    finally:
        os.fchdir(before)
        os.close(before)


def set_size(terminal: int, columns: int, rows: int) -> None:
    columns, rows = usual(columns, rows)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class PosixTerminal:
    """The protocol's Terminal over the PTY's master side."""

    def __init__(self, master: int, child: Child) -> None:
        self._typed = Typed(master)
        self._master = master
        self._child = child
        self._loop = asyncio.get_running_loop()
        self._paused = True
        self._quiet = False
        self._later: asyncio.TimerHandle | None = None
        self._heard = 0
        self._over = asyncio.Event()
        self._on_output: Callable[[bytes], None] = lambda _: None
        self._on_quiet: Callable[[bool], None] = lambda _: None
        self.on_note: Callable[[str], None] = lambda _: None

    @property
    def on_output(self) -> Callable[[bytes], None]:
        return self._on_output

    @on_output.setter
    def on_output(self, callback: Callable[[bytes], None]) -> None:
        self._on_output = callback
        self.resume()  # nothing is read before somebody takes it

    @property
    def on_error(self) -> Callable[[bytes], None]:
        return self._on_output

    @on_error.setter
    def on_error(self, callback: Callable[[bytes], None]) -> None:
        """Never called: a terminal mixes the two itself."""

    @property
    def on_writable(self) -> Callable[[], None]:
        return self._typed.on_writable

    @on_writable.setter
    def on_writable(self, callback: Callable[[], None]) -> None:
        self._typed.on_writable = callback

    @property
    def on_quiet(self) -> Callable[[bool], None]:
        return self._on_quiet

    @on_quiet.setter
    def on_quiet(self, callback: Callable[[bool], None]) -> None:
        self._on_quiet = callback

    def write(self, data: bytes) -> bool:
        if self._master < 0:
            return True
        self._look_for_quiet()
        return self._typed.write(data)

    def resize(self, columns: int, rows: int) -> None:
        if self._master >= 0:
            set_size(self._master, columns, rows)

    def signal(self, name: str) -> None:
        self._child.signal_group(name)

    def end_input(self) -> None:
        """A terminal's end is a key that is typed, nothing more."""

    def pause(self) -> None:
        if self._master >= 0 and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._master)

    def resume(self) -> None:
        if self._master >= 0 and self._paused:
            self._paused = False
            self._loop.add_reader(self._master, self._read)

    def hang_up(self) -> None:
        """The kernel sends HUP to the shell and what stands in front; the owner ends the group."""
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        self._typed.stop()
        if self._later is not None:
            self._later.cancel()
        os.close(self._master)
        self._master = -1
        self._over.set()

    async def wait(self) -> int:
        status = await self._child.wait()
        # The PTY ends once everything in it is read; a silent one that stays open is not waited
        # for, one whose owner has paused it is.
        while not self._over.is_set():
            heard = self._heard
            try:
                async with asyncio.timeout(DRAIN_S):
                    await self._over.wait()
            except TimeoutError:
                if self._paused:
                    continue
                self._read()  # it may have been resumed in this very turn of the loop
                if heard == self._heard:
                    break
        self.hang_up()
        return status

    def _read(self) -> None:
        pieces: list[bytes] = []
        ended = False
        try:
            # A PTY gives at most 4 KiB at a time; a short piece is the last for now.
            for _ in range(READ // 4096):
                pieces.append(os.read(self._master, 4096))
                if len(pieces[-1]) < 1024:
                    break
            ended = not pieces[-1]
        except BlockingIOError:
            pass
        except OSError:
            ended = True  # EIO: the last process has closed its side
        self._shown(b"".join(pieces))
        if ended:
            self.hang_up()

    def _shown(self, data: bytes) -> None:
        if data:
            self._heard += len(data)
            # Who reads `Password:` may type at once: that the echo went off is told before it.
            if not self._quiet:
                self._look_for_quiet()
            self._on_output(data)
            if self._quiet:
                self._look_for_quiet()
            # `read -s -p` asks first and turns the echo off then, with nothing more to show.
            if self._later is None and self._master >= 0:
                self._later = self._loop.call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._later = None
        self._look_for_quiet()

    def _look_for_quiet(self) -> None:
        if self._master < 0:
            return
        with contextlib.suppress(termios.error):
            flags = termios.tcgetattr(self._master)[3]
            quiet = not flags & termios.ECHO and bool(flags & termios.ICANON)
            if quiet != self._quiet:
                self._quiet = quiet
                self._on_quiet(quiet)
