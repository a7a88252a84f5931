"""A child's end, told by its own handle: not by its pipes, which may outlive it, nor by its number.

One thread for each child waits for it; it ends with the child.
"""

import asyncio
import contextlib
import sys
import threading
from ctypes import byref, wintypes

from endpoint_shim.windows.kernel import close, kernel32

assert sys.platform == "win32"

FOR_EVER = 0xFFFFFFFF
KILLED = 1

kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
kernel32.GetExitCodeProcess.argtypes = [wintypes.HANDLE, wintypes.LPDWORD]
kernel32.TerminateProcess.argtypes = [wintypes.HANDLE, wintypes.UINT]


class Child:
    """One started process; `exited` is its status, all 32 bits of it."""

    def __init__(self, handle: int, pid: int) -> None:
        self.pid = pid
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        threading.Thread(target=self._watch, name=f"child-{pid}", daemon=True).start()

    async def wait(self) -> int:
        """Its status; a caller that is cancelled leaves the watch as it is."""
        return await asyncio.shield(self.exited)

    def kill(self) -> None:
        """By force; no error if it has ended."""
        if not self.exited.done():
            kernel32.TerminateProcess(self._handle, KILLED)

    def _watch(self) -> None:
        kernel32.WaitForSingleObject(self._handle, FOR_EVER)
        status = wintypes.DWORD()
        kernel32.GetExitCodeProcess(self._handle, byref(status))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ended, status.value)

    def _ended(self, status: int) -> None:
        close(self._handle)
        self.exited.set_result(status)
