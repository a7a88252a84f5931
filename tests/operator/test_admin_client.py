"""The client of the admin socket, where its broker ends meanwhile."""

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.language.errors import Unreachable
from server.operator.admin_client import FRAME, OUT, capture

WHOLE = FRAME.pack(OUT, 4) + b"told"


def broker(path: Path, serve: Callable[[socket.socket], None]) -> threading.Thread:
    """Takes one line and ends as `serve` does."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        with listener, listener.accept()[0] as client:
            serve(client)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("said", [b"", WHOLE, WHOLE[:2], WHOLE[:-1]])
def test_a_broker_that_ends_within_its_answer_is_told_of_in_a_sentence(
    tmp_path: Path, said: bytes
) -> None:
    def serve(client: socket.socket) -> None:
        client.makefile("rb").readline()
        client.sendall(said)

    ended = broker(tmp_path / "admin.sock", serve)
    with pytest.raises(Unreachable, match="the broker ended before its answer did"):
        capture(tmp_path / "admin.sock", "devices")
    ended.join()


def test_a_broker_that_is_gone_before_it_reads_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    ended = broker(tmp_path / "admin.sock", lambda client: None)
    with pytest.raises(Unreachable):
        capture(tmp_path / "admin.sock", "devices")
    ended.join()


def test_a_status_comes_with_what_was_said(tmp_path: Path) -> None:
    def serve(client: socket.socket) -> None:
        client.makefile("rb").readline()
        client.sendall(WHOLE + FRAME.pack(3, 4) + struct.pack(">i", 3))

    ended = broker(tmp_path / "admin.sock", serve)
    assert capture(tmp_path / "admin.sock", "devices") == (3, b"told")
    ended.join()
