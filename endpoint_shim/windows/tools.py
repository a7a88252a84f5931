"""Windows' own programs, run to their end: named whole, by a list of words, within a time limit."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from commands.language.errors import Failed

assert sys.platform == "win32"

NO_WINDOW = 0x08000000
MOST_TOLD = 1000
END_S = 2.0


def system32() -> Path:
    return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32")


def ran(program: Path, words: list[str], seconds: float) -> bytes:
    """What it wrote; raises Failed where it did not start, end in time, or end well."""
    try:
        process = subprocess.Popen(
            [str(program), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=NO_WINDOW,
        )
    except OSError as error:
        raise Failed(f"{program} was not started: {error.strerror or error}") from error
    try:
        out, told = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        cut_off(process)
        raise Failed(f"{program.name} {words[0]} did not end within {seconds:.0f} s") from None
    if process.returncode:
        how = f"{program.name} {words[0]} ended with {_status(process.returncode)}"
        raise Failed(f"{how}{_told(told + out)}")
    return out


def cut_off(process: subprocess.Popen[bytes]) -> None:
    """Ends it. Its pipes may stay open, in what it started or as it had hardly begun: they are not
    waited for."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=END_S)
    process.poll()  # it has ended, whoever holds its pipes


def text(data: bytes) -> str:
    """A console program's words: the system's own page, UTF-16 by its mark or its NULs."""
    if data[:2] == b"\xff\xfe" or b"\0" in data[:200]:
        return data.decode("utf-16", "replace").lstrip("\ufeff")
    return data.decode("oem", "replace")


def _told(data: bytes) -> str:
    said = " ".join(text(data).split())
    return f": {said[:MOST_TOLD]}" if said else ""


def _status(number: int) -> str:
    """Small ones as they are, NTSTATUS and HRESULT as people look them up."""
    return str(number) if 0 <= number < 0x10000 else f"{number & 0xFFFFFFFF:#010x}"
