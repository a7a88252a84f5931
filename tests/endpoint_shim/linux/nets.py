"""Hosts of a test's own: network namespaces with a cable between them, and real sockets in them.

The names hold this process's id: several tests run at the same time on one machine.
"""

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

PROGRAMS = pytest.mark.needs("ip", "nft")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
_NET = 0x40000000  # CLONE_NEWNET
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class Host:
    """One network namespace."""

    def __init__(self, word: str) -> None:
        self.name = f"fl{os.getpid()}-{next(_numbers)}-{word}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    @classmethod
    def there(cls, name: str) -> Self:
        """One that somebody else made, and takes away."""
        host = cls.__new__(cls)
        host.name = name
        return host

    def ip(self, *words: str) -> str:
        return run("ip", "-n", self.name, *words)

    def run(self, *words: str, given: str = "") -> str:
        return run("ip", "netns", "exec", self.name, *words, given=given)

    def inside(self) -> "contextlib.AbstractContextManager[None]":
        """This thread is in the namespace: its sockets, and the programs that it starts."""
        return inside(self.name)

    def listens(self, address: str, port: int = 0) -> socket.socket:
        """A server's socket in it."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside():
            one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
        one.listen()
        one.settimeout(10)
        return one

    def connects(self, address: str, port: int, seconds: float = 10) -> socket.socket:
        """A connection from it; TimeoutError where nothing answers."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside():
            one = socket.socket(family, socket.SOCK_STREAM)
        one.settimeout(seconds)
        try:
            one.connect((address, port))
        except BaseException:
            one.close()
            raise
        return one

    def reaches(self, address: str, port: int, seconds: float = 0.5) -> bool:
        """Whether a new connection gets there."""
        try:
            self.connects(address, port, seconds).close()
        except OSError:
            return False
        return True

    def pings(self, address: str) -> bool:
        """Whether an echo comes back: by a socket of our own, for ping need not be installed."""
        six = ":" in address
        family, protocol = (socket.AF_INET6, 58) if six else (socket.AF_INET, 1)
        with self.inside():
            one = socket.socket(family, socket.SOCK_RAW, protocol)
        with one:
            one.settimeout(0.5)
            one.connect((address, 0))
            body = b"\x00\x07\x00\x01fireline"
            # The kernel fills in the checksum of ICMPv6 alone.
            whole = b"\x08\x00" + _checksum(b"\x08\x00\x00\x00" + body) + body
            try:
                one.send(b"\x80\x00\x00\x00" + body if six else whole)
                while True:
                    answer = one.recv(1500)
                    if answer[0 if six else 20] == (129 if six else 0):
                        return True
            except OSError:
                return False

    def remove(self) -> None:
        run("ip", "netns", "del", self.name)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread is in the network namespace of that name, and then back."""
    with open("/proc/thread-self/ns/net") as back, open(f"/run/netns/{name}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(back.fileno())


def _checksum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - ((total & 0xFFFF) + (total >> 16))).to_bytes(2, "big")


def cable(one: Host, other: Host, names: tuple[str, str], *ends: tuple[str, str]) -> None:
    """A cable between two hosts, with the addresses (with their length) of both ends, in pairs."""
    one.ip("link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", other.name)
    for host, name in zip((one, other), names, strict=True):
        host.ip("link", "set", name, "up")
    for pair in ends:
        for host, name, address in zip((one, other), names, pair, strict=True):
            host.ip("addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))


@contextlib.contextmanager
def hosts(*words: str) -> Iterator[list[Host]]:
    """Fresh hosts, gone afterwards."""
    made: list[Host] = []
    try:
        for word in words:
            made.append(Host(word))
        yield made
    finally:
        for host in made:
            host.remove()


def run(*words: str, given: str = "") -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def settings(name: str, file: str, text: str) -> Path:
    """What `ip netns exec` puts in the place of /etc/FILE."""
    folder = Path("/etc/netns") / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    return folder


def _enter(handle: int) -> None:
    if _libc.setns(handle, _NET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
