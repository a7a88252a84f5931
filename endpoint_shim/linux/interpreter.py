"""Which program runs a file: named by its `#!` line, else by its ending, else the file itself.

The interpreter is called with the file: no execute bit, no line the kernel understands and no
executable mount are needed, and a name that begins with `-` is a whole path by then.
"""

import os
import shutil
import stat

from commands.language.errors import Refused
from endpoint_shim.content import described, shebang
from endpoint_shim.linux.login import PATH
from endpoint_shim.linux.mounts import mount_of, read_mounts
from endpoint_shim.linux.paths import in_words, real_path, text
from endpoint_shim.linux.reading import head_of, open_plain

BY_ENDING = {b".sh": "bash", b".bash": "bash", b".py": "python3"}
PROGRAM = 0o700


class _NoLimits:
    """The session's folder is the shim's own place."""

    def check_path(self, path: str) -> None:
        """Nothing in it is off limits to what runs there."""

    def check_written(self, path: str) -> None:
        """Nor is anything."""

    def check_open(self, path: str, device: int, number: int) -> None:
        """What runs there reads what root may."""

    def check_made(self, path: str, device: int, number: int) -> None:
        """Nothing is made."""


def argv_of(path: bytes) -> list[bytes]:
    """How the file is started, without its arguments; raises Refused saying what it is."""
    opened = open_plain(path, _NoLimits())
    try:
        head = head_of(opened.handle)
        if head.startswith(b"\x7fELF"):
            _make_startable(path, opened.handle)
            return [path]
        if words := shebang(head):
            return [*_named(path, words), path]
        ending = os.path.splitext(path)[1].lower()
        if ending in BY_ENDING and not head.startswith((b"\xff\xfe", b"\xfe\xff", b"MZ")):
            return [_found(path, BY_ENDING[ending]), path]
        raise Refused(
            f"{text(path)} is {described(head)}: no program of this system, and neither a #! "
            "line nor an ending (.sh, .py) says what runs it"
        )
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        opened.close()


def _named(path: bytes, words: list[bytes]) -> list[bytes]:
    if not words[0].startswith(b"/") or not os.access(words[0], os.X_OK):
        raise Refused(
            f"{text(path)} asks for the interpreter {text(words[0])}, which is not on this device"
        )
    return words


def _found(path: bytes, name: str) -> bytes:
    if (program := shutil.which(name, path=PATH)) is None:
        raise Refused(f"{text(path)} needs {name}, which is not on this device")
    return os.fsencode(program)


def _make_startable(path: bytes, handle: int) -> None:
    if os.fstatvfs(handle).f_flag & os.ST_NOEXEC:
        mount = mount_of(real_path(handle, path), read_mounts())
        place = text(mount.point) if mount is not None else "its file system"
        raise Refused(
            f"{text(path)} is a program, and {place} is mounted noexec: no program starts there; "
            "a script would"
        )
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & PROGRAM != PROGRAM:
        os.fchmod(handle, mode | PROGRAM)
