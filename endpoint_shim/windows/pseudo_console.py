"""ConPTY by the system's own calls: made, resized, closed; bytes pass by the pipes it was given.

1. No pywinpty: it decodes each piece of output by itself (a character that lies across two pieces
   is lost), starts its child before that can be put into a job, and spins at the end of output.
2. Closing may wait until what it still has to say is read (before Windows 11 24H2): never on the
   loop, and whoever closes goes on reading.
"""

import ctypes
import sys
import threading
from ctypes import POINTER, wintypes

from commands.language.errors import Failed
from endpoint_shim.windows.kernel import kernel32

assert sys.platform == "win32"


class PseudoConsole:
    """One, until `close`."""

    def __init__(self, reads: int, writes: int, columns: int, rows: int) -> None:
        """`reads` and `writes` are the ends that the console uses; it makes copies of them."""
        try:
            create = kernel32.CreatePseudoConsole
        except AttributeError:
            raise Failed(
                "this Windows has no terminals for programs; 10 of 2018 and later have"
            ) from None
        create.argtypes = [
            *(wintypes.DWORD, wintypes.HANDLE, wintypes.HANDLE, wintypes.DWORD),
            POINTER(ctypes.c_void_p),
        ]
        create.restype = ctypes.c_long
        kernel32.ResizePseudoConsole.argtypes = [ctypes.c_void_p, wintypes.DWORD]
        kernel32.ResizePseudoConsole.restype = ctypes.c_long
        kernel32.ClosePseudoConsole.argtypes = [ctypes.c_void_p]
        kernel32.ClosePseudoConsole.restype = None
        found = ctypes.c_void_p()
        result = create(_size(columns, rows), reads, writes, 0, ctypes.byref(found))
        if result != 0 or not found.value:
            raise Failed(f"no terminal could be opened (HRESULT {result & 0xFFFFFFFF:#010x})")
        self._handle: int | None = found.value

    @property
    def handle(self) -> int:
        assert self._handle is not None
        return self._handle

    def resize(self, columns: int, rows: int) -> bool:
        """False: this system does not do it."""
        if self._handle is None:
            return True
        return bool(kernel32.ResizePseudoConsole(self._handle, _size(columns, rows)) == 0)

    def close(self) -> None:
        """Ends what is attached to it, as a closed window does; in a thread of its own."""
        handle, self._handle = self._handle, None
        if handle is not None:
            name = "close-terminal"
            close = kernel32.ClosePseudoConsole
            threading.Thread(target=close, args=(handle,), name=name, daemon=True).start()


def _size(columns: int, rows: int) -> int:
    """A COORD by value."""
    return columns | rows << 16
