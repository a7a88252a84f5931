"""One command line sent to the running broker's admin socket; its output and status come back."""

import os
import shutil
import socket
import struct
import sys
import threading
from pathlib import Path

import msgspec

from commands.language.errors import Unreachable

FRAME = struct.Struct(">BI")
END = 3
PIECE = 65_536


def ask(path: Path, line: str) -> int:
    """Runs `line` at the broker that listens at `path`; prints what it says; the exit status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as broker:
        try:
            broker.connect(str(path))
        except OSError:
            raise Unreachable(f"no broker answers at {path}; fireline serve starts it") from None
        header = {"line": line, "columns": shutil.get_terminal_size().columns}
        broker.sendall(msgspec.json.encode(header) + b"\n")
        if not sys.stdin.isatty():
            threading.Thread(target=_send_input, args=(broker,), daemon=True).start()
        with broker.makefile("rb") as answers:
            while head := answers.read(FRAME.size):
                kind, size = FRAME.unpack(head)
                data = answers.read(size)
                if kind == END:
                    return int(struct.unpack(">i", data)[0])
                stream = sys.stdout if kind == 1 else sys.stderr
                stream.buffer.write(data)
                stream.buffer.flush()
    raise Unreachable("the broker ended before its answer did")


def _send_input(broker: socket.socket) -> None:
    try:
        while data := os.read(0, PIECE):
            broker.sendall(data)
        broker.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the command ended before its input did
