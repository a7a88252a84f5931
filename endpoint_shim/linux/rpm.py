"""What rpm installed, and with which digests, as rpm itself tells it.

rpm is a program, and whoever answers the kernel must start none: its own start would wait for that
answer. So a process of its own asks rpm (Asker), and the enforcer's slow threads wait for it.
"""

import contextlib
import hashlib
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from endpoint_shim.linux import kernel, tools
from endpoint_shim.linux.packages import (
    ALGORITHMS,
    NEVER_RUN,
    Entry,
    real_name,
    stamp_of,
    top_links,
)
from endpoint_shim.linux.spawn import ENVIRONMENT

PROGRAM = "/usr/bin/rpm"
DATABASES = tuple(
    Path(folder, name)
    for folder in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
    for name in ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db")
)
_FORM = r"[%{FILEMODES}\t%{FILEMTIMES}\t%{FILEDIGESTS}\t%{FILENAMES}\n]"
QUERY = ("-qa", "--qf", _FORM)
ASK_S = 120.0
LONGEST = 1 << 30
_LINE = re.compile(rb"^([0-9]+)\t([0-9]+)\t((?:[0-9a-f]{2})+)\t(/.+)$", re.M)
_SCRIPT = re.compile(rb"/var/tmp/rpm-tmp\.[A-Za-z0-9]+")
_LENGTH = struct.Struct("=Q")


def is_here() -> bool:
    """Whether this device's packages are rpm's."""
    return os.access(PROGRAM, os.X_OK) and any(path.exists() for path in DATABASES)


class Rpm:
    """The protocol's Packages; `ask` gives what rpm answers to QUERY."""

    name = "rpm"

    def __init__(self, ask: Callable[[], bytes]) -> None:
        self._ask = ask
        self._stamp: object = None
        self._files: dict[bytes, Entry] = {}
        self._lock = threading.Lock()
        self.sha256 = ""
        self.look()

    def __len__(self) -> int:
        return len(self._files)

    def entry(self, path: bytes) -> Entry | None:
        return self._files.get(path)

    def is_package_script(self, path: bytes) -> bool:
        return _SCRIPT.fullmatch(path) is not None

    def stale(self) -> bool:
        return _stamps() != self._stamp

    def look(self) -> bool:
        with self._lock:
            stamp = _stamps()
            if stamp == self._stamp:
                return False
            data = self._ask()
            self._stamp = stamp
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 == self.sha256:
                return False
            links = top_links()
            self._files, self.sha256 = dict(_entries(data, links)), sha256
            return True


def of_package(name: str) -> dict[bytes, Entry]:
    """The files of one package, each as it was installed; Failed where there is none of it."""
    told = tools.ran(PROGRAM, ["-q", "--qf", _FORM, "--", name], ASK_S / 2)
    return dict(_entries(os.fsencode(told), top_links()))


def _stamps() -> object:
    """Who only reads makes an empty log beside the database, and takes it away again."""
    return tuple(stamp_of(path) for path in DATABASES if not _is_empty(path))


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True


def _entries(data: bytes, links: dict[bytes, bytes]) -> Iterator[tuple[bytes, Entry]]:
    """Plain files; a folder or link has no digest."""
    for found in _LINE.finditer(data):
        name, digest = real_name(found[4], links), bytes.fromhex(found[3].decode("ascii"))
        is_file = stat.S_ISREG(int(found[1])) and len(digest) in ALGORITHMS
        if is_file and not name.startswith(NEVER_RUN):
            yield name, Entry(digest, len(digest), int(found[2]) * 1_000_000_000 + 999_999_999)


class Asker:
    """The process that asks rpm; forked off before there is a group."""

    def __init__(self) -> None:
        self._end, theirs = socket.socketpair()
        parent = os.getpid()
        if os.fork() == 0:
            self._end.close()
            try:
                kernel.end_with_parent(signal.SIGKILL)
                if os.getppid() == parent:
                    _serve(theirs)
            finally:
                os._exit(1)
        theirs.close()
        self._end.settimeout(ASK_S)

    def __call__(self) -> bytes:
        """Raises OSError where rpm gives no answer."""
        self._end.sendall(b"?")
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if not 0 < length <= LONGEST:
            raise OSError("rpm does not tell what it installed")
        return self._read(length)

    def _read(self, length: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < length:
            piece = self._end.recv(min(length - len(pieces), 1 << 20))
            if not piece:
                raise OSError("whoever asks rpm has ended")
            pieces += piece
        return bytes(pieces)


def _serve(end: socket.socket) -> None:
    while end.recv(1):
        answer = b""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            answer = subprocess.run(
                [PROGRAM, *QUERY],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=ASK_S / 2,
                check=True,
                env=ENVIRONMENT,
            ).stdout
        end.sendall(_LENGTH.pack(len(answer)) + answer)
