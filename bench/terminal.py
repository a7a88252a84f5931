"""A client in a pseudo-terminal, as a person has it: written to, and read until something shows."""

import contextlib
import os
import pty
import select
import signal
import time
from types import TracebackType
from typing import Self

WAIT_S = 30.0
PIECE = 4096


class Terminal:
    """One client process, ended with the block."""

    def __init__(self, argv: list[str]) -> None:
        self._pid, self.fd = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execvp(argv[0], argv)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def write_all(self, data: bytes) -> None:
        """More than the pseudo-terminal takes at once; what comes meanwhile waits there."""
        os.set_blocking(self.fd, False)
        rest = memoryview(data)
        while rest:
            if not select.select([], [self.fd], [], WAIT_S)[1]:
                raise TimeoutError(f"{len(rest):,} bytes of a paste were not taken")
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self.fd, rest[:PIECE]) :]
        os.set_blocking(self.fd, True)

    def until(self, wanted: bytes, within_s: float = WAIT_S) -> bytes:
        """Reads until `wanted` has come; what came."""
        seen, looked, end = bytearray(), 0, time.monotonic() + within_s
        while seen.find(wanted, max(0, looked - len(wanted))) < 0:
            looked = len(seen)
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"waited for {wanted!r}, have {bytes(seen[-300:])!r}")
            if select.select([self.fd], [], [], left)[0]:
                try:
                    seen += os.read(self.fd, 65_536)
                except OSError as error:  # EIO: the client has ended
                    said = bytes(seen[-300:])
                    raise OSError(f"waited for {wanted!r}, ended after {said!r}") from error
        return bytes(seen)

    def drain(self, quiet_s: float = 0.001) -> None:
        while select.select([self.fd], [], [], quiet_s)[0]:
            os.read(self.fd, 65_536)

    def leave(self, within_s: float = WAIT_S) -> None:
        """Types `exit`, which nothing here takes for anything else; until the client has ended."""
        self.write(b"exit\r")
        end = time.monotonic() + within_s
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                os.read(self.fd, 65_536)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.kill(self._pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self._pid, 0)
