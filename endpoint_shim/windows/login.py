"""Where the system's own programs are, and the environment of the shim's own login; nothing
inherited from whoever started the shim."""

import ctypes
import struct
import sys
from ctypes import POINTER, wintypes
from pathlib import Path

from endpoint_shim.windows.accounts import advapi32
from endpoint_shim.windows.kernel import close, failure, kernel32

assert sys.platform == "win32"

TOKEN_QUERY, TOKEN_DUPLICATE = 0x8, 0x2
THIS_PROCESS = -1
LONGEST = 260

userenv = ctypes.WinDLL("userenv", use_last_error=True)
userenv.CreateEnvironmentBlock.argtypes = [
    *(POINTER(ctypes.c_void_p), wintypes.HANDLE, wintypes.BOOL),
]
userenv.DestroyEnvironmentBlock.argtypes = [ctypes.c_void_p]
kernel32.GetSystemWindowsDirectoryW.argtypes = [wintypes.LPWSTR, wintypes.UINT]


def windows_folder() -> Path:
    """`C:\\Windows`, asked of the system: an environment says what somebody wants it to say."""
    found = ctypes.create_unicode_buffer(LONGEST)
    if not 0 < kernel32.GetSystemWindowsDirectoryW(found, LONGEST) < LONGEST:
        raise failure()
    return Path(found.value)


def system_folder() -> Path:
    """The folder of the programs of the system's own width, whatever this Python's is."""
    name = "System32"
    if struct.calcsize("P") == 4 and (windows_folder() / "Sysnative").is_dir():
        name = "Sysnative"  # what a 32-bit process calls the 64-bit System32
    return windows_folder() / name


def environment(**more: str) -> dict[str, str]:
    """What this account gets at a login, from the registry, with more words put in."""
    token = wintypes.HANDLE()
    if not advapi32.OpenProcessToken(
        THIS_PROCESS, TOKEN_QUERY | TOKEN_DUPLICATE, ctypes.byref(token)
    ):
        raise failure()
    block = ctypes.c_void_p()
    try:
        if not userenv.CreateEnvironmentBlock(ctypes.byref(block), token, False):
            raise failure()
        words = dict(_read(block.value or 0))
    finally:
        close(token.value or 0)
        if block.value:
            userenv.DestroyEnvironmentBlock(block)
    replaced = {name.upper() for name in more}
    return {k: v for k, v in words.items() if k.upper() not in replaced} | more


def home() -> str:
    """The account's profile; the system's drive where it has none."""
    return environment().get("USERPROFILE") or windows_folder().anchor


def _read(at: int) -> list[tuple[str, str]]:
    """NAME=value lines, each ended by NUL, the last one empty; `=C:=…` lines are cmd's own."""
    found: list[tuple[str, str]] = []
    while line := ctypes.wstring_at(at):
        at += len(line.encode("utf-16-le", "surrogatepass")) + 2
        name, equals, value = line[1:].partition("=")
        if equals and line[0] != "=":
            found.append((line[0] + name, value))
    return found
