"""The worker's own hidden console, which the programs that it starts share: its code page, and
the break that asks a program to end.

A console's page is changed by whoever does so in it (`chcp`), and stays: it is set anew for each.
"""

import signal
import sys
from ctypes import c_void_p, wintypes

from endpoint_shim.windows.code_pages import codec
from endpoint_shim.windows.kernel import kernel32

assert sys.platform == "win32"

CTRL_BREAK = 1

kernel32.SetConsoleCP.argtypes = [wintypes.UINT]
kernel32.SetConsoleCtrlHandler.argtypes = [c_void_p, wintypes.BOOL]
kernel32.SetConsoleOutputCP.argtypes = [wintypes.UINT]


def at_rest() -> None:
    """The system's own page again; and what is asked of a program does not end this process."""
    page = kernel32.GetOEMCP()
    kernel32.SetConsoleCP(page)
    kernel32.SetConsoleOutputCP(page)
    signal.signal(signal.SIGBREAK, lambda *_: None)


def heed_ctrl_c() -> None:
    """What is started from here on ends by Ctrl-C, as a person at its terminal means it."""
    kernel32.SetConsoleCtrlHandler(None, False)


def page() -> str:
    """The page that programs write in now; where there is no console, the system's."""
    return codec(kernel32.GetConsoleOutputCP() or kernel32.GetOEMCP())


def ask_to_end(group: int) -> bool:
    """A break event to a process group of this console; False: it cannot be asked.

    Only ever to a group that was made for it: a number that is none reaches everybody.
    """
    return bool(kernel32.GenerateConsoleCtrlEvent(CTRL_BREAK, group))
