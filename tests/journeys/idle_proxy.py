"""A proxy that cuts what is idle, as the ones on the way out of an office do."""

import contextlib
import select
import socket
import threading
import time
from typing import Self


class IdleProxy:
    """Passes bytes both ways, and cuts a connection that says nothing for so many seconds."""

    def __init__(self, host: str, port: int, idle_s: float) -> None:
        self._to, self._idle_s = (host, port), idle_s
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self.accepted = self.cuts = 0
        self.longest = [0.0, 0.0]
        """How long the device, and the broker, said nothing at most, on any connection."""
        self.begun = time.monotonic()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A close alone would leave the thread in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Everything, now."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                device, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._pair, args=(device,), daemon=True).start()

    def _pair(self, device: socket.socket) -> None:
        with device, contextlib.suppress(OSError), socket.create_connection(self._to) as broker:
            self._open += [device, broker]
            spoke = [time.monotonic()] * 2
            while ready := select.select([device, broker], [], [], self._idle_s)[0]:
                for one in ready:
                    if not (data := one.recv(65_536)):
                        return
                    side, now = int(one is broker), time.monotonic()
                    self.longest[side] = max(self.longest[side], now - spoke[side])
                    spoke[side] = now
                    (device if one is broker else broker).sendall(data)
            self.cuts += 1
