"""What was held back, until the guard takes it: the same things merged, never more than MOST."""

import os
import socket

from endpoint_shim.linux.enforcement import Blocked, line, send

MOST = 100
OTHERS = "other programs, too many to name"


class Reports:
    """Kept where the guard does not read, and counted on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, str, bool], Blocked] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def blocked(self, path: bytes, why: str, thread: int) -> None:
        """Something asked to start; told with who asked."""
        if not self._again((path, why, False)):
            words = f"{line(path)} was not started: {why}; {_who(thread)} asked"
            self._add((path, why, False), Blocked(text=words, times=1))

    def started(self, path: bytes, why: str) -> None:
        """Something was let start, and should not have been."""
        if not self._again((path, why, True)):
            words = f"{line(path)} started: {why}"
            self._add((path, why, True), Blocked(text=words, times=1, started=True))

    def send(self, guard: socket.socket) -> None:
        """As much as there is room for."""
        while self._kept:
            key = next(iter(self._kept))
            if not send(guard, self._kept[key]):
                return
            del self._kept[key]

    def _again(self, key: tuple[bytes, str, bool]) -> bool:
        if (kept := self._kept.get(key)) is None:
            return False
        kept.times += 1
        return True

    def _add(self, key: tuple[bytes, str, bool], found: Blocked) -> None:
        if len(self._kept) >= MOST:
            key = (b"", "", key[2])
            if self._again(key):
                return
            found.text = f"{OTHERS}, {'started unread' if key[2] else 'were not started'}"
        self._kept[key] = found


def _who(thread: int) -> str:
    try:
        return f"{line(os.readlink(b'/proc/%d/exe' % thread))} (pid {thread})"
    except OSError:
        return f"pid {thread}"
