"""The real disk below walking and writing: the kernel's calls and nothing else."""

import ctypes
import sys
from ctypes import wintypes

from endpoint_shim.windows import access, handles, native
from endpoint_shim.windows.entries import Facts
from endpoint_shim.windows.kernel import close, failure, kernel32

assert sys.platform == "win32"

DISPOSITION = 4
_ENTER = native.READ_ATTRIBUTES | native.READ_CONTROL
_NEW = (
    *(native.WRITE_DATA, native.APPEND_DATA, native.READ_ATTRIBUTES, native.WRITE_ATTRIBUTES),
    *(native.READ_DATA, native.DELETE, native.READ_CONTROL, native.WRITE_DAC),
)


class WindowsDisk:
    """Nothing is kept between the calls."""

    def root(self, path: str) -> int:
        return handles.look(path, read=True)

    def enter(self, folder: int, name: str) -> int:
        return native.open_below(folder, name, _ENTER)

    def facts(self, handle: int) -> Facts:
        return handles.facts(handle)

    def real_path(self, handle: int, otherwise: str) -> str:
        return handles.real_path(handle, otherwise)

    def identity(self, handle: int) -> tuple[int, int]:
        return handles.identity(handle)

    def new(self, folder: int, name: str) -> int:
        """Gone when its handle closes, however this process ends, unless it was placed."""
        file = native.open_below(folder, name, sum(_NEW), share=native.SHARE_NONE, new=True)
        try:
            self._gone_at_close(file, True)
        except OSError:
            close(file)
            raise
        return file

    def write(self, file: int, data: bytes) -> None:
        done, at = wintypes.DWORD(), 0
        while at < len(data):
            piece = bytes(data[at:])  # the stream gives views; bytes of bytes are no copy
            if not kernel32.WriteFile(file, piece, len(piece), ctypes.byref(done), None):
                raise failure()
            at += done.value

    def flush(self, file: int) -> None:
        if not kernel32.FlushFileBuffers(file):
            raise failure()

    def like(self, file: int, other: int) -> None:
        """Takes over who may do what with another file."""
        access.copy(other, file)

    def place(self, file: int, folder: int, name: str, *, replace: bool) -> None:
        self._gone_at_close(file, False)
        try:
            native.rename(file, folder, name, replace=replace)
        except OSError:
            self._gone_at_close(file, True)
            raise

    def close(self, handle: int) -> None:
        close(handle)

    def _gone_at_close(self, file: int, gone: bool) -> None:
        said = ctypes.c_ubyte(gone)
        if not kernel32.SetFileInformationByHandle(file, DISPOSITION, ctypes.byref(said), 1):
            raise failure()
