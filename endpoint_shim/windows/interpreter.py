"""Which program runs a file: by its ending, or the file itself where it is a program.

1. Every program is named whole, in the system's own folder; nothing is looked up along a path.
2. The file's bytes may have to change for its interpreter to read them right (a byte-order mark);
   that is done to the session's copy alone, and said.
"""

import ntpath
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commands.language.errors import Failed, Refused
from endpoint_shim.content import HEAD, described
from endpoint_shim.windows import quoting
from endpoint_shim.windows.login import system_folder, windows_folder
from endpoint_shim.windows.paths import PREFIX, in_words, text
from endpoint_shim.windows.reading import open_plain

assert sys.platform == "win32"

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_SCRIPT = 16 * 1024 * 1024
POWERSHELL = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")
ENDINGS = ".cmd, .bat, .ps1, .vbs, .py, or a program"


class _NoLimits:
    """The session's folder is the shim's own place."""

    def check_path(self, path: str) -> None:
        """Nothing in it is off limits to what runs there."""

    def check_written(self, path: str) -> None:
        """Nor is anything."""

    def check_open(self, path: str, device: int, number: int) -> None:
        """What runs there reads what the system may."""

    def check_made(self, path: str, device: int, number: int) -> None:
        """Nothing is made."""


@dataclass(frozen=True)
class Way:
    """The program that is started, and its command line."""

    program: str
    line: str
    notes: list[str] = field(default_factory=list)


def way_of(path: str, arguments: Sequence[str]) -> Way:
    """How the file is started; raises Refused saying what it is. For a thread."""
    opened = open_plain(path, _NoLimits())
    try:
        head = opened.piece(HEAD, 0)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        opened.close()
    ending = ntpath.splitext(path)[1].lower()
    if head.startswith(b"MZ"):
        return Way(path, quoting.for_program([path, *arguments]))
    if ending in (".cmd", ".bat"):
        return _batch(path, head, arguments)
    if ending == ".ps1":
        shell = system_folder() / "WindowsPowerShell" / "v1.0" / "powershell.exe"
        notes = _marked(path)
        return _by(shell, [*POWERSHELL, path, *arguments], path, notes)
    if ending == ".vbs":
        return _by(system_folder() / "cscript.exe", ["//NoLogo", "//B", path, *arguments], path)
    if ending == ".py":
        return _by(windows_folder() / "py.exe", ["-3", path, *arguments], path)
    raise Refused(
        f"{text(path)} is {described(head)}: no program of this system, and its ending does not "
        f"say what runs it ({ENDINGS})"
    )


def _by(program: Path, words: list[str], path: str, notes: list[str] | None = None) -> Way:
    if not program.is_file():
        raise Failed(f"{text(path)} needs {program}, which is not on this device")
    return Way(str(program), quoting.for_program([str(program), *words]), notes or [])


def _batch(path: str, head: bytes, arguments: Sequence[str]) -> Way:
    if head.startswith(UTF16_MARKS):
        raise Refused(f"{text(path)} is UTF-16, which cmd.exe does not read; save it as plain text")
    shell = str(system_folder() / "cmd.exe")
    line = quoting.for_batch(shell, path, arguments)
    notes = []
    if head.startswith(UTF8_MARK):
        _rewrite(path, _bytes(path).removeprefix(UTF8_MARK))
        notes.append(
            f"{text(ntpath.basename(path))} begins with a byte-order mark, which cmd.exe takes for "
            "a command; it ran without it"
        )
    return Way(shell, line, notes)


def _marked(path: str) -> list[str]:
    """PowerShell 5.1 takes UTF-8 without a byte-order mark for the ANSI page: it is given one."""
    data = _bytes(path)
    if data.isascii() or data.startswith((UTF8_MARK, *UTF16_MARKS)):
        return []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return []  # an ANSI file: PowerShell reads it as one
    _rewrite(path, UTF8_MARK + data)
    return [
        f"{text(ntpath.basename(path))} is UTF-8 without a byte-order mark, which PowerShell 5.1 "
        "misreads; it ran with one"
    ]


def _bytes(path: str) -> bytes:
    with open(PREFIX + path, "rb") as file:
        data = file.read(LONGEST_SCRIPT + 1)
    if len(data) > LONGEST_SCRIPT:
        raise Refused(f"{text(path)} is over the {LONGEST_SCRIPT:,} bytes that a script may have")
    return data


def _rewrite(path: str, data: bytes) -> None:
    with open(PREFIX + path, "r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
