"""What an interpreter that is about to start was given, read out of the memory of who starts it.

A process of its own, and one that may be lost: that memory may be a file of a FUSE mount whose
server does not answer, and who reads it then waits in the kernel, unkillable. It holds no mark.
"""

import contextlib
import os
import platform
import signal
import socket
import stat
import struct
from collections.abc import Iterator
from typing import NamedTuple

from endpoint_shim.linux import kernel
from endpoint_shim.linux.priority import run_first
from endpoint_shim.linux.script_words import STANDARD, scripts_of

PATIENCE_S = 0.5
MOST_WORDS, LONGEST_WORD, LONGEST = 64, 4096, 65_536
_QUESTION, _ONE = struct.Struct("=iQQ"), struct.Struct("=QQH")
_READ, _RUNS, _UNREAD = b"read ", b"runs", b"?"
Identity = tuple[int, int]
# Of execve: where the file name and the words stand; of execveat: one later. 32-bit callers too.
_CALLS = {
    "x86_64": {59: (0, 8), 322: (1, 8), 520: (0, 4), 545: (1, 4), 11: (0, 4), 358: (1, 4)},
    "aarch64": {221: (0, 8), 281: (1, 8), 11: (0, 4), 387: (1, 4)},
}.get(platform.machine(), {})
_OF_CALLER = ((b"/dev/fd/", b"fd/"), (b"/proc/self/", b""), (b"/proc/thread-self/", b""))


class Unread(Exception):
    """It cannot be told what an interpreter is given."""


class NotYet(Exception):
    """Who asks has not gone to sleep over its question: what it called is told from then on."""


class Script(NamedTuple):
    """A file that an interpreter is given."""

    path: bytes
    identity: Identity


NOWHERE = (0, 0)


class Reader:
    """The process, as the enforcer's thread asks it; forked off before there is a group."""

    def __init__(self) -> None:
        self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._end.close()
            try:
                kernel.end_with_parent(signal.SIGKILL)
                if os.getppid() == parent:
                    _serve(theirs)
            finally:
                os._exit(1)
        theirs.close()
        self._end.settimeout(PATIENCE_S)
        self.lost = False

    def scripts(self, thread: int, interpreter: Identity, name: bytes) -> list[Script]:
        """What the interpreter of that name is given; raises NotYet, or Unread (after `lost`
        always)."""
        if self.lost:
            raise Unread
        try:
            self._end.send(_QUESTION.pack(thread, *interpreter) + name)
            answer = self._end.recv(LONGEST)
        except OSError:
            answer = b""
        if not answer:
            # It hangs or has ended; an answer that came late would be another's.
            self.lost = True
            os.kill(self.pid, signal.SIGKILL)
        if answer == _RUNS:
            raise NotYet
        if not answer.startswith(_READ):
            raise Unread
        return list(_unpacked(answer[len(_READ) :]))


def _packed(scripts: list[Script]) -> bytes:
    return b"".join(_ONE.pack(*one.identity, len(one.path)) + one.path for one in scripts)


def _unpacked(data: bytes) -> Iterator[Script]:
    at = 0
    while at < len(data):
        device, number, length = _ONE.unpack_from(data, at)
        at += _ONE.size + length
        yield Script(data[at - length : at], (device, number))


def _serve(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        run_first()
    while question := end.recv(LONGEST):
        thread, device, number = _QUESTION.unpack_from(question)
        known = question[_QUESTION.size :]
        try:
            end.send(_READ + _packed(_scripts(thread, (device, number), known)))
        except NotYet:
            end.send(_RUNS)
        except (OSError, ValueError, IndexError, KeyError, OverflowError, struct.error):
            end.send(_UNREAD)


class _Asked(NamedTuple):
    name: bytes
    words: list[bytes]


class _Found(NamedTuple):
    path: bytes
    identity: Identity
    mode: int


def _scripts(thread: int, interpreter: Identity, known: bytes) -> list[Script]:
    """`known`: its own name; that by which it is called may be another (a bind mount)."""
    asked = _asked(thread)
    named = _looked_at(thread, asked.name)
    if named is None:
        return [Script(asked.name, NOWHERE)]  # the kernel has just found it
    if named.identity != interpreter:
        return [Script(named.path, named.identity)]  # its first line names this interpreter
    found = []
    for script in scripts_of(known, asked.words):
        file = _looked_at(thread, script)
        if file is None:
            # Not where it was said to be; some look along PATH.
            found.append(Script(script, NOWHERE))
        elif stat.S_ISREG(file.mode) or (stat.S_ISDIR(file.mode) and script != STANDARD):
            found.append(Script(file.path, file.identity))
    return found


def _asked(thread: int) -> _Asked:
    """The call that the thread is held in."""
    with open(f"/proc/{thread}/syscall", "rb") as call:
        fields = call.read().split()
    if fields == [b"running"]:
        raise NotYet
    at, size = _CALLS[int(fields[0])]
    name, words = int(fields[1 + at], 16), int(fields[2 + at], 16)
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        handle = memory.fileno()
        if at == 1 and (text := _text(handle, name)) == b"":
            return _Asked(b"/dev/fd/%d" % int(fields[1], 16), _words(handle, words, size))
        elif at == 1 and not text.startswith(b"/") and (folder := int(fields[1], 16)) < 1 << 31:
            text = b"/dev/fd/%d/%s" % (folder, text)
        else:
            text = _text(handle, name)
        return _Asked(text, _words(handle, words, size))


def _words(memory: int, at: int, size: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < MOST_WORDS:
        place = int.from_bytes(os.pread(memory, size, at + len(found) * size), "little")
        if not place:
            break
        found.append(_text(memory, place))
    return found


def _text(memory: int, at: int) -> bytes:
    """Up to its NUL; a piece that reaches into the next page may not be there."""
    text = b""
    while len(text) < LONGEST_WORD:
        piece = os.pread(memory, 256 - (at + len(text)) % 256, at + len(text))
        text += piece.partition(b"\0")[0]
        if b"\0" in piece or not piece:
            break
    return text


def _looked_at(thread: int, name: bytes) -> _Found | None:
    """What the caller means by a name."""
    if name == b"/dev/stdin":
        name = b"/dev/fd/0"
    for prefix, place in _OF_CALLER:
        if name.startswith(prefix):
            path = b"/proc/%d/%s%s" % (thread, place, name.removeprefix(prefix))
            break
    else:
        start = b"root" if name.startswith(b"/") else b"cwd/"
        path = b"/proc/%d/%s%s" % (thread, start, name)
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        facts = os.fstat(handle)
        real = os.readlink(b"/proc/self/fd/%d" % handle)
        return _Found(real, (facts.st_dev, facts.st_ino), facts.st_mode)
    finally:
        os.close(handle)
