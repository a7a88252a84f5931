"""The kernel's list of processes, out of its bytes."""

import struct

from endpoint_shim.windows import snapshot

BASE = 0x7000_0000


def process(name: str, pid: int, threads: list[tuple[int, int]], at: int) -> bytes:
    """One entry as it lies at BASE + at, its name behind its threads."""
    units = name.encode("utf-16-le", "surrogatepass")
    size = 256 + 80 * len(threads) + len(units)
    padded = size + -size % 8
    pointer = BASE + at + 256 + 80 * len(threads) if units else 0
    head = struct.pack(
        "<II24x3qHH4xQ", padded, len(threads), 5, 20, 10, len(units), len(units), pointer
    )
    head += struct.pack("<i4xQQIIQ", 8, pid, pid - 1, 9, 2, 0)
    head += struct.pack("<QQI4xQQ32xQQQ48x", 0, 0, 0, 0, 4096, 8192, 0, 0)
    assert len(head) == 256
    for state, reason in threads:
        head += struct.pack("<68xII4x", state, reason)
    return head + units + b"\0" * (padded - size)


def listed(*wanted: tuple[str, int, list[tuple[int, int]]]) -> list[snapshot.Process]:
    data = b""
    for name, pid, threads in wanted:
        last = process(name, pid, threads, len(data))
        data += last
    ended = len(data) - len(last)
    data = data[:ended] + struct.pack("<I", 0) + data[ended + 4 :]
    return list(snapshot.processes(data, BASE))


def test_every_process_is_read_with_its_own_name_and_figures() -> None:
    idle, evil = listed(("", 0x10, []), ("evil\ud800.exe", 0x20, [(5, 6)]))
    assert (idle.pid, idle.name) == (0x10, "")
    assert evil == snapshot.Process(
        pid=0x20,
        parent=0x1F,
        name="evil\ud800.exe",
        session=2,
        created=5,
        cpu=30,
        working_set=4096,
        private=8192,
        suspended=False,
    )


def test_a_process_is_suspended_when_all_its_threads_are() -> None:
    some, every = listed(("a", 4, [(5, 5), (5, 6)]), ("b", 8, [(5, 5), (5, 5)]))
    assert (some.suspended, every.suspended) == (False, True)
