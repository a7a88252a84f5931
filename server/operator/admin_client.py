"""One command line sent to the running broker's admin socket; its output and status come back."""

import os
import shutil
import socket
import struct
import sys
import threading
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

import msgspec

from commands.language.errors import Unreachable

FRAME = struct.Struct(">BI")
OUT, END = 1, 3
PIECE = 65_536


def ask(path: Path, line: str) -> int:
    """Runs `line` at the broker that listens at `path`; prints what it says; the exit status."""
    with _connected(path, line) as broker:
        if not sys.stdin.isatty():
            threading.Thread(target=_send_input, args=(broker,), daemon=True).start()
        return _answer(broker, _print)


def capture(path: Path, line: str) -> tuple[int, bytes]:
    """The same without input and printing: the exit status and the standard output."""
    out: list[bytes] = []
    with _connected(path, line) as broker:
        broker.shutdown(socket.SHUT_WR)
        status = _answer(broker, lambda kind, data: out.append(data) if kind == OUT else None)
    return status, b"".join(out)


def _connected(path: Path, line: str) -> socket.socket:
    broker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    header = {"line": line, "columns": shutil.get_terminal_size().columns}
    try:
        broker.connect(str(path))
        broker.sendall(msgspec.json.encode(header) + b"\n")
    except OSError:
        broker.close()
        raise Unreachable(
            f"no broker answers at {path}; fireline serve starts it, --state before the word "
            "names another state folder"
        ) from None
    return broker


def _answer(broker: socket.socket, take: Callable[[int, bytes], None]) -> int:
    with broker.makefile("rb") as answers:
        while len(head := _read(answers, FRAME.size)) == FRAME.size:
            kind, size = FRAME.unpack(head)
            data = _read(answers, size)
            if len(data) < size:
                break
            if kind == END:
                return int(struct.unpack(">i", data)[0])
            take(kind, data)
    raise Unreachable("the broker ended before its answer did")


def _read(answers: BufferedIOBase, size: int) -> bytes:
    """So many bytes; fewer where the broker is gone."""
    try:
        return answers.read(size)
    except ConnectionError:
        return b""


def _print(kind: int, data: bytes) -> None:
    stream = sys.stdout if kind == OUT else sys.stderr
    stream.buffer.write(data)
    stream.buffer.flush()


def _send_input(broker: socket.socket) -> None:
    try:
        while data := os.read(0, PIECE):
            broker.sendall(data)
        broker.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the command ended before its input did
