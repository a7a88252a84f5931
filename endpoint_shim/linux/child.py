"""A child's end, told by its pidfd: no signal handler, no thread, no number that is used again."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

ASKED_TO_END = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
BACK_TO_DEFAULT = (*ASKED_TO_END, signal.SIGPIPE, signal.SIGXFSZ)
"""Python itself ignores the last two; a child must not."""


class Child:
    """One started process, watched until it ends; `exited` is its status, negative for a signal."""

    def __init__(self, pid: int, poll: Callable[[], int | None] | None = None) -> None:
        self.pid = pid
        self._poll = poll or self._waited
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._look)

    async def wait(self) -> int:
        """Its status; a caller that is cancelled leaves the watch as it is."""
        return await asyncio.shield(self.exited)

    def kill(self) -> None:
        """By force; no error if it has ended."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def signal_group(self, name: str) -> None:
        """`INT` and so on to the process group that it leads; no error if that has ended."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.Signals[f"SIG{name}"])

    def _look(self) -> None:
        status = self._poll()
        if status is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if not self.exited.done():
            self.exited.set_result(status)

    def _waited(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None


def forget_ignored_signals() -> None:
    """A child inherits what is ignored here, as after `nohup … &`: then INT would not end it.

    A function of ours does as little as ignoring, and the kernel resets it at the child's exec.
    """
    for number in ASKED_TO_END:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
