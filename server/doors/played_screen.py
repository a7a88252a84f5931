"""A recording's output kept above the player's own line: what would reach over it is rewritten.

1. The rows that a recording had are a scroll region; no sequence of it moves the region's end down.
2. A recorded alternate screen is a cleared one, for the player stands in the terminal's own; what
   stood before it is shown again after it, as far as it is held.
3. A sequence may come in pieces; its beginning is held until it is whole.
"""

import re

HELD = 64 * 1024
LONGEST = 64
"""A sequence whose end does not come within this is passed as it is."""
RESIZED = b"\x1b7\x1b[1;%dr\x1b8"
CLEARED = b"\x1b[2J\x1b[H"
ALTERNATE = frozenset({b"47", b"1047", b"1049"})
_CSI = rb"(?:\x1b\[|\xc2\x9b)"
_SEQUENCE = re.compile(_CSI + rb"([?!]?)([0-9;]*)([HfdrhlJp])|\x1bc")
_BEGUN = re.compile(rb"(?:\x1b|\xc2|" + _CSI + rb"[?!]?[0-9;]*)\Z")


class PlayedScreen:
    """The rows above the line; fed in order."""

    def __init__(self, rows: int) -> None:
        self.rows = max(rows - 1, 1)
        """Rows there are for the recording."""
        self.last = self.rows
        """The row that is the recording's last."""
        self.wiped = True
        """Whether the line below may be gone: drawn anew by whoever draws it."""
        self._held = b""
        self._main = bytearray()
        self._alternate = False

    def cleared(self) -> bytes:
        """An empty screen, its last row kept."""
        return b"\x1b[0m\x1b[1;%dr" % self.last + CLEARED

    def resized(self, rows: int) -> bytes:
        """The recorded terminal has so many rows now; a shorter one is drawn anew."""
        before, self.last = self.last, max(min(rows, self.rows), 1)
        if self.last < before:
            self.wiped = True
            return self.cleared()
        return b"" if self.last == before else RESIZED % self.last

    def passed(self, data: bytes) -> bytes:
        """The output as it may be written."""
        data, self._held = self._held + data, b""
        begun = _BEGUN.search(data, max(len(data) - LONGEST, 0))
        if begun is not None:
            data, self._held = data[: begun.start()], data[begun.start() :]
        shown, at = bytearray(), 0
        for found in _SEQUENCE.finditer(data):
            shown += self._kept(data[at : found.start()]) + self._sequence(found)
            at = found.end()
        return bytes(shown + self._kept(data[at:]))

    def _kept(self, data: bytes) -> bytes:
        if not self._alternate:
            self._main += data
            if len(self._main) > 2 * HELD:
                # From a line's start on: a cut sequence would be shown as text.
                del self._main[: self._main.find(b"\n", len(self._main) - HELD) + 1]
        return data

    def _sequence(self, found: re.Match[bytes]) -> bytes:
        mark, text, end = found.groups()
        if end is None:
            self.wiped = True
            return self._kept(self.cleared())
        if mark == b"?" and end in b"hl" and ALTERNATE & set(text.split(b";")):
            return self._swapped(end == b"h")
        return self._kept(self._rewritten(found.group(), mark, _numbers(text), end))

    def _rewritten(self, whole: bytes, mark: bytes, numbers: list[int], end: bytes) -> bytes:
        first, second = (*numbers, 0, 0)[:2]
        match mark, end:
            case b"", b"H" | b"f":
                return b"\x1b[%d;%d%s" % (min(first or 1, self.last), second or 1, end)
            case b"", b"d":
                return b"\x1b[%dd" % min(first or 1, self.last)
            case b"", b"r":
                top, bottom = first or 1, min(second or self.last, self.last)
                return b"\x1b[%d;%dr" % ((top, bottom) if top < bottom else (1, self.last))
            case b"", b"J":
                self.wiped = True
            case b"!", b"p":
                return whole + RESIZED % self.last
        return whole

    def _swapped(self, alternate: bool) -> bytes:
        if alternate == self._alternate:
            return b""
        self._alternate, self.wiped = alternate, True
        return self.cleared() + (b"" if alternate else bytes(self._main))


def _numbers(text: bytes) -> list[int]:
    return [min(int(part or 0), 9999) for part in text[:LONGEST].split(b";")]
