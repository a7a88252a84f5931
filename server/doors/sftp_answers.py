"""How SFTP says it: attributes, long names, and errors as its few status codes.

A name goes out as the bytes it has; the long name beside it is for people: clean text, or the raw
form in which it is typed back.
"""

import errno
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncssh

from commands.language import names, wire
from commands.language.errors import FirelineError, Refused
from commands.language.names import Name
from commands.language.visible import visible
from server.live.device_files import Wanted

_UINT32 = 0xFFFFFFFF
_TYPES = {
    stat.S_IFREG: asyncssh.FILEXFER_TYPE_REGULAR,
    stat.S_IFDIR: asyncssh.FILEXFER_TYPE_DIRECTORY,
    stat.S_IFLNK: asyncssh.FILEXFER_TYPE_SYMLINK,
    stat.S_IFSOCK: asyncssh.FILEXFER_TYPE_SOCKET,
    stat.S_IFCHR: asyncssh.FILEXFER_TYPE_CHAR_DEVICE,
    stat.S_IFBLK: asyncssh.FILEXFER_TYPE_BLOCK_DEVICE,
    stat.S_IFIFO: asyncssh.FILEXFER_TYPE_FIFO,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WRITES = (
    asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
    | asyncssh.FXF_EXCL
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What a client sets of a file; None for what stays."""

    size: int | None
    mode: int | None
    times: tuple[int, int] | None


def wanted(pflags: int, attrs: asyncssh.SFTPAttrs) -> Wanted | None:
    """How a file is to be opened for writing; None where it is only read."""
    if not pflags & WRITES:
        return None
    return Wanted(
        create=bool(pflags & asyncssh.FXF_CREAT),
        exclusive=bool(pflags & asyncssh.FXF_EXCL),
        truncate=bool(pflags & asyncssh.FXF_TRUNC),
        append=bool(pflags & asyncssh.FXF_APPEND),
        read=bool(pflags & asyncssh.FXF_READ),
        mode=mode_of(attrs),
    )


def facts_of(attrs: asyncssh.SFTPAttrs) -> Facts | None:
    """What a client asks for; None for nothing."""
    times = None
    if attrs.mtime is not None:
        times = (int(attrs.mtime if attrs.atime is None else attrs.atime), int(attrs.mtime))
    facts = Facts(attrs.size, mode_of(attrs), times)
    return None if facts == Facts(None, None, None) else facts


def mode_of(attrs: asyncssh.SFTPAttrs) -> int | None:
    """The nine bits of a mode; the others are not set here."""
    return None if attrs.permissions is None else attrs.permissions & 0o777


def of_device(facts: wire.FileFacts) -> asyncssh.SFTPAttrs:
    """A device's claim, made to fit the protocol's numbers."""
    return _attrs(facts.mode, facts.size, facts.uid, facts.gid, facts.atime, facts.mtime)


def of_stored(facts: os.stat_result) -> asyncssh.SFTPAttrs:
    """A file or folder of the broker: readable, never written, nobody's."""
    kind = stat.S_IFMT(facts.st_mode)
    mode = kind | (0o555 if kind == stat.S_IFDIR else 0o444)
    return _attrs(mode, facts.st_size, 0, 0, int(facts.st_mtime), int(facts.st_mtime))


def of_nothing() -> asyncssh.SFTPAttrs:
    """A plain file of the broker of which nothing more is known."""
    return _attrs(stat.S_IFREG | 0o444, 0, 0, 0, 0, 0)


def of_folder() -> asyncssh.SFTPAttrs:
    """A folder of the tree itself: it has no times."""
    return asyncssh.SFTPAttrs(
        type=asyncssh.FILEXFER_TYPE_DIRECTORY,
        permissions=stat.S_IFDIR | 0o555,
        size=0,
        uid=0,
        gid=0,
    )


def named(name: bytes, attrs: asyncssh.SFTPAttrs) -> asyncssh.SFTPName:
    """An entry of a list."""
    return asyncssh.SFTPName(name, _long_name(name, attrs), attrs)


def bytes_of(name: Name) -> bytes | None:
    """An entry's name as a device claims it; None for what can be no entry of a folder."""
    try:
        data = names.to_bytes(name)
    except FirelineError:
        return None
    return None if data in (b"", b".", b"..") or b"/" in data or b"\0" in data else data


def units_of(name: Name) -> bytes | None:
    """The same of a Windows device: text, or the raw form where units of it are none."""
    return None if name in ("", ".", "..") or any(c in name for c in "/\\\0") else name.encode()


def no_link() -> asyncssh.SFTPError:
    """The answer to a READLINK of what is a folder or a file of the broker's."""
    return asyncssh.SFTPFailure("it is no link")


def no_such_file() -> asyncssh.SFTPError:
    """The one answer for what is not there and what may not be known to be there."""
    return asyncssh.SFTPNoSuchFile("no such file")


def status(error: FirelineError | OSError) -> asyncssh.SFTPError:
    """The status of an error; its sentence goes with it, made visible."""
    behind = error if isinstance(error, OSError) else error.__cause__
    number = behind.errno if isinstance(behind, OSError) else None
    words = str(error) if isinstance(error, FirelineError) else os.strerror(number or errno.EIO)
    sentence = visible(words)[:1000]
    if isinstance(error, Refused) or number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return asyncssh.SFTPPermissionDenied(sentence)
    if number in (errno.ENOENT, errno.ENOTDIR):
        return asyncssh.SFTPNoSuchFile(sentence)
    return asyncssh.SFTPFailure(sentence)


def _attrs(mode: int, size: int, uid: int, gid: int, atime: int, mtime: int) -> asyncssh.SFTPAttrs:
    mode &= 0o177777
    return asyncssh.SFTPAttrs(
        type=_TYPES.get(stat.S_IFMT(mode), asyncssh.FILEXFER_TYPE_UNKNOWN),
        permissions=mode,
        size=size,
        uid=_bounded(uid),
        gid=_bounded(gid),
        atime=_bounded(atime),
        mtime=_bounded(mtime),
    )


def _bounded(number: int) -> int:
    return min(max(number, 0), _UINT32)


def _long_name(name: bytes, attrs: asyncssh.SFTPAttrs) -> bytes:
    when = ""
    if attrs.mtime is not None:
        when = (_EPOCH + timedelta(seconds=attrs.mtime)).strftime("%Y-%m-%d %H:%M")
    mode = stat.filemode(attrs.permissions or 0)
    line = f"{mode} 1 {attrs.uid or 0:<8} {attrs.gid or 0:<8} {attrs.size or 0:>12} {when:16} "
    called = names.from_bytes(name)
    return (line + visible(names.raw_form(called) or called)).encode()
