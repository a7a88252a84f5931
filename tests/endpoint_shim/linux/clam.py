"""A real clamd with signatures of our own: Debian's program, no download."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MARK = b"FIRELINE-TEST-SIGNATURE-7f3a"
LARGEST = 2 << 20
"""What is larger is not looked at by the daemon."""
THREAT = "Fireline.Test.Mark.UNOFFICIAL"


def signatures(folder: Path) -> Path:
    """A database of one signature, `MARK` anywhere in any file."""
    folder.mkdir(parents=True)
    line = f"Fireline.Test.Mark:0:*:{MARK.hex()}\n"
    (folder / "fireline.ndb").write_text(line, "ascii")
    return folder


@contextlib.contextmanager
def daemon() -> Iterator[Path]:
    """Its socket, once it answers; it runs as nobody, who reads no file of root's by its path."""
    with tempfile.TemporaryDirectory(prefix="fireline-clamd-") as name:
        shutil.chown(name, "nobody")
        os.chmod(name, 0o755)
        with _running(Path(name)) as place:
            yield place


def asked_of(place: Path) -> int:
    """How many connections this socket has, with those that wait to be taken (of inode 0, all)."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith(f" {place}") for line in lines)


@contextlib.contextmanager
def held(place: Path) -> Iterator[int]:
    """The daemon of this socket, stopped: it takes what is asked and does not answer. Gives how
    many connections it has then; stopped it ends none."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(place))
        peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, _, _ = struct.unpack("3i", peer)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield asked_of(place)
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[Path]:
    place, settings = folder / "clamd.sock", folder / "clamd.conf"
    settings.write_text(
        f"LocalSocket {place}\nDatabaseDirectory {signatures(folder / 'db')}\nForeground yes\n"
        f"User nobody\nMaxThreads 2\nLogVerbose no\nMaxFileSize {LARGEST >> 20}M\n",
        "utf-8",
    )
    program = shutil.which("clamd", path="/usr/sbin:/usr/bin")
    assert program is not None
    with subprocess.Popen(
        [program, f"--config-file={settings}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            until = time.monotonic() + 60
            while not _answers(place):
                assert running.poll() is None, "clamd ended"
                assert time.monotonic() < until, "clamd does not answer"
                time.sleep(0.05)
            yield place
        finally:
            running.kill()


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
        line.connect(str(place))
        line.sendall(b"zPING\0")
        return line.recv(16) == b"PONG\0"
    return False
