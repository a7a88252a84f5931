"""A TCP line between a device and its broker that a test cuts, holds back and mends."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self


class Proxy:
    """Passes bytes both ways; `cut` ends what is there, and refuses more until `mend`."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._half: set[socket.socket] = set()
        self._down = False
        self.passed = 0
        """Bytes from the device so far."""
        self.on_bytes: Callable[[int], None] = lambda passed: None
        """Told in the thread that passes them on, before it does."""
        self.sent = 0
        """Bytes to the device so far."""
        self.on_sent: Callable[[int], None] = lambda sent: None
        self.accepted = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._down = True
        # A close alone would leave the thread in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        _end(*self._half)  # else a broker that stops waits for a device that it takes for alive

    def cut(self, *, stay_down: bool = False) -> None:
        """Ends every connection at once, as a cable does that is pulled on both sides."""
        self._down = self._down or stay_down
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def cut_device(self) -> None:
        """Ends every connection for the device alone: the broker still takes them for alive."""
        pairs, self._pairs = self._pairs, []
        for device, broker in pairs:
            self._half.add(broker)
            with contextlib.suppress(OSError):
                device.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._down = False

    def _accept(self) -> None:
        while True:
            try:
                device, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._down:
                device.close()
            else:
                threading.Thread(target=self._pair, args=(device,), daemon=True).start()

    def _pair(self, device: socket.socket) -> None:
        with device, contextlib.suppress(OSError), socket.create_connection(self._to) as broker:
            for one in (device, broker):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((device, broker))
            down = threading.Thread(target=self._down_to, args=(device, broker))
            down.start()
            _pass(device, broker, self._count)
            if broker not in self._half:
                _end(device, broker)
            down.join()
            self._half.discard(broker)

    def _down_to(self, device: socket.socket, broker: socket.socket) -> None:
        _pass(broker, device, self._count_sent)
        if broker not in self._half:
            _end(device, broker)
            return
        with contextlib.suppress(OSError):
            while broker.recv(65_536):
                pass  # what is said to nobody

    def _count_sent(self, size: int) -> None:
        self.sent += size
        self.on_sent(self.sent)

    def _count(self, size: int) -> None:
        self.passed += size
        self.on_bytes(self.passed)


def _pass(source: socket.socket, target: socket.socket, count: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            count(len(data))
            target.sendall(data)


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
