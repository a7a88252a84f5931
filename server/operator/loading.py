"""The broker's modules, loaded as fast as they can be: who starts it waits, and so does every test.

1. While they load nothing is garbage, so nothing is looked for; what is loaded then stays for good
   and is never looked through again (a pause less while a key is on its way).
2. No other program is run meanwhile: asyncssh asks ldconfig, gcc and ld for libraries of algorithms
   (sntrup761, umac) that no door of ours offers; its mlkem768 comes with cryptography.
"""

import contextlib
import ctypes.util
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While the program's modules are loaded."""
    find = ctypes.util.find_library
    gc.disable()
    ctypes.util.find_library = _none
    try:
        yield
    finally:
        ctypes.util.find_library = find
        gc.freeze()
        gc.enable()


def _none(name: str) -> str | None:
    """There is no such library."""
