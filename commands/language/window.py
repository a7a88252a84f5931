"""What was sent and not yet acknowledged, so that a stream that broke goes on without loss; pure.

Both sides of a stream count frames (items and bytes alike, in their one order). The sender keeps
what is unacknowledged, at most WINDOW bytes; the receiver acknowledges every ACK_BYTES or second
(of a terminal's output SHOWN_WINDOW and SHOWN_ACK_BYTES).
"""

from collections import deque
from dataclasses import dataclass

from commands.language.wire import ACK_BYTES, WINDOW


@dataclass(frozen=True)
class Kept:
    """A frame that the other side may still ask for."""

    binary: bool
    data: bytes


class Sent:
    """The sender's side."""

    def __init__(self, limit: int = WINDOW) -> None:
        self.limit = limit
        self.count = 0
        self._first = 0
        self.size = 0
        """Bytes that are kept."""
        self._kept: deque[Kept] = deque()

    @property
    def full(self) -> bool:
        """True: read no more of the source until something is acknowledged."""
        return self.size >= self.limit

    def add(self, binary: bool, data: bytes) -> None:
        self._kept.append(Kept(binary, data))
        self.size += len(data)
        self.count += 1

    def acknowledge(self, count: int) -> bool:
        """Forgets frames up to `count`; False for a number that cannot be right."""
        if not self._first <= count <= self.count:
            return False
        while self._first < count:
            self.size -= len(self._kept.popleft().data)
            self._first += 1
        return True

    def after(self, count: int) -> list[Kept] | None:
        """The frames that the other side lacks; None if they are no longer here."""
        if not self.acknowledge(count):
            return None
        return list(self._kept)


class Got:
    """The receiver's side."""

    def __init__(self) -> None:
        self.count = 0
        self.each = ACK_BYTES
        """Bytes after which it is time to acknowledge."""
        self._unsaid = 0

    def add(self, size: int) -> bool:
        """Counts a frame; True when it is time to acknowledge."""
        self.count += 1
        self._unsaid += size
        return self._unsaid >= self.each

    @property
    def unsaid(self) -> bool:
        return self._unsaid > 0

    def said(self) -> int:
        """The count to acknowledge, noted as said."""
        self._unsaid = 0
        return self.count
