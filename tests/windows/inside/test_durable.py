"""Small files of the state folder, which one process writes and another reads."""

import threading
from pathlib import Path

import pytest

from endpoint_shim import durable


def test_a_file_is_replaced_while_another_reads_it_all_the_time(tmp_path: Path) -> None:
    path = tmp_path / "wanted.json"
    durable.save(path, b"0")
    over = threading.Event()
    read: set[bytes] = set()

    def reader() -> None:
        # A thread without a pause would let the other run only while it has the file open.
        while not over.wait(0.001):
            read.add(durable.read(path))

    reading = threading.Thread(target=reader)
    reading.start()
    try:
        for number in range(50):
            durable.save(path, b"%d" % number)
    finally:
        over.set()
        reading.join()
    assert path.read_bytes() == b"49" and read <= {b"%d" % number for number in range(50)}


def test_one_that_stays_open_is_a_failure_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "TRIES", 2)
    path = tmp_path / "wanted.json"
    durable.save(path, b"old")
    with path.open("rb"), pytest.raises(PermissionError):
        durable.save(path, b"new")
    assert path.read_bytes() == b"old"
