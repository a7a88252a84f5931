"""The terminal modes that a device's output has set, so that they can be undone, and set again.

Followed: DEC private modes (CSI ? Pm h and l: alternate screen, mouse, paste, cursor …), the
keypad (ESC = and ESC >) and the character set G0. Source: xterm's control sequences.
"""

import re

_SEEN = re.compile(rb"\x1b\[\?([0-9;]{1,64})([hl])|\x1b([=>])|\x1b\(([0-9A-B])")
_PARTIAL = re.compile(rb"\x1b(?:\[(?:\?[0-9;]{0,64})?|\()?\Z")
DEFAULT_ON = frozenset({b"7", b"25"})
"""Auto-wrap and the visible cursor are on in a terminal at rest."""
FOLLOWED = frozenset(
    {
        b"1",
        b"7",
        b"9",
        b"12",
        b"25",
        b"45",
        b"47",
        b"66",
        b"69",
        b"1000",
        b"1001",
        b"1002",
        b"1003",
        b"1004",
        b"1005",
        b"1006",
        b"1007",
        b"1015",
        b"1016",
        b"1034",
        b"1035",
        b"1036",
        b"1042",
        b"1047",
        b"1048",
        b"1049",
        b"2004",
        b"2026",
    }
)


class Modes:
    """Fed with the output in order; cheap where it has no escape."""

    def __init__(self) -> None:
        self._private: dict[bytes, bool] = {}
        self._keypad = False
        self._charset = b"B"
        self._partial = b""

    def feed(self, data: bytes) -> None:
        if b"\x1b" not in data and not self._partial:
            return
        data = self._partial + data
        for numbers, how, keypad, charset in _SEEN.findall(data):
            if how:
                for number in numbers.split(b";"):
                    if number in FOLLOWED:
                        self._private[number] = how == b"h"
            elif keypad:
                self._keypad = keypad == b"="
            else:
                self._charset = charset
        cut = _PARTIAL.search(data[-80:])
        self._partial = cut.group() if cut else b""

    def undo(self) -> bytes:
        """What brings a terminal back to rest."""
        parts = [
            b"\x1b[?%s%c" % (number, b"h"[0] if number in DEFAULT_ON else b"l"[0])
            for number, on in self._changed()
        ]
        if self._keypad:
            parts.append(b"\x1b>")
        if self._charset != b"B":
            parts.append(b"\x1b(B")
        # Colours, margins and the title's colour cost nothing to reset.
        return b"".join(parts) + b"\x1b[0m\x0f"

    def redo(self) -> bytes:
        """What brings a terminal at rest to where this one is."""
        parts = [
            b"\x1b[?%s%c" % (number, b"h"[0] if on else b"l"[0]) for number, on in self._changed()
        ]
        if self._keypad:
            parts.append(b"\x1b=")
        if self._charset != b"B":
            parts.append(b"\x1b(" + self._charset)
        return b"".join(parts)

    def _changed(self) -> list[tuple[bytes, bool]]:
        return [(n, on) for n, on in self._private.items() if on != (n in DEFAULT_ON)]
