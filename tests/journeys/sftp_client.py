"""A client of our own, for what no stock one does."""

import struct
import subprocess

from tests.journeys.files_demo import Demo


class Raw:
    """The subsystem through the real ssh, packet by packet."""

    def __init__(self, demo: Demo) -> None:
        argv = ["ssh", "-F", str(demo.state / "ssh_config"), "-s", "fireline", "sftp"]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.send(1, struct.pack(">I", 3))
        self.version = self.packet()

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, kind: int, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(struct.pack(">IB", len(body) + 1, kind) + body)
        self.process.stdin.flush()

    def packet(self) -> bytes:
        assert self.process.stdout is not None
        (length,) = struct.unpack(">I", self.process.stdout.read(4))
        return self.process.stdout.read(length)

    def ask(self, kind: int, body: bytes) -> bytes:
        self.send(kind, struct.pack(">I", 1) + body)
        return self.packet()


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def code(packet: bytes) -> int:
    """The code of a status packet."""
    assert packet[0] == 101
    return int(struct.unpack(">I", packet[5:9])[0])
