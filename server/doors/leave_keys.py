"""What a person types into a device's terminal: which of it is ours, and which is only an answer.

1. The person's key (Ctrl-] where nothing is set) and F12 leave, except inside a bracketed paste.
   Nothing is held back to look at it.
2. After leaving, what a terminal still answers (reports, mouse, strings) is dropped up to the
   answer of our own question; what was typed meanwhile is kept.
"""

import re

CTRL_BRACKET = b"\x1d"
_F12 = b"\x1b[24~"
_LONGEST = 6
_BEGINS, _ENDS = b"\x1b[200~", b"\x1b[201~"
ASK = b"\x1b[5n"
"""DSR 5: every terminal answers it at once, after everything it was asked before."""
ANSWER = b"\x1b[0n"
REPORT = re.compile(
    rb"\x1b\[[?>=<]?[0-9;:]*[ -/]*[RncytuMmIO]"  # reports, and mouse and focus events
    rb"|\x1b\[M[\x00-\xff]{3}"  # mouse, old form
    rb"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)",  # OSC, DCS, APC, PM, SOS strings
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[?>=<]?[0-9;:]{0,32}|[\]P_^X][^\x07\x1b]{0,256}\x1b?)?\Z")


class LeaveKeys:
    """Finds the leave keys in a stream of typed bytes."""

    def __init__(self, key: bytes = CTRL_BRACKET) -> None:
        self._key = key
        marks = sorted({_BEGINS, _ENDS, _F12, key})
        self._marks = re.compile(b"|".join(map(re.escape, marks)))
        self._in_paste = False
        self._tail = b""

    def split(self, data: bytes) -> tuple[bytes, bytes, bytes]:
        """What goes to the device; the leave key, or nothing; what was typed after it."""
        if not self._tail and b"\x1b" not in data and (self._in_paste or self._key not in data):
            return data, b"", b""
        joined, before = self._tail + data, len(self._tail)
        for mark in self._marks.finditer(joined):
            found = mark.group()
            if mark.end() <= before:
                continue
            if found == _BEGINS:
                self._in_paste = True
            elif found == _ENDS:
                self._in_paste = False
            elif not self._in_paste:
                self._tail = b""
                return joined[before : mark.start()], found, joined[mark.end() :]
        self._tail = _begun(joined)
        return data, b"", b""


def _begun(data: bytes) -> bytes:
    """The last bytes, where a mark may have begun in them."""
    at = data.rfind(b"\x1b", max(0, len(data) - _LONGEST + 1))
    return data[at:] if at >= 0 else b""


class Answers:
    """Takes a terminal's late answers out of what is typed after leaving."""

    def __init__(self) -> None:
        self._held = b""
        self.done = False

    def keep(self, data: bytes) -> bytes:
        """What of it was typed; from our answer on everything."""
        if self.done:
            return data
        data, self._held = self._held + data, b""
        answer = data.find(ANSWER)
        if answer >= 0:
            self.done = True
            return REPORT.sub(b"", data[:answer]) + data[answer + len(ANSWER) :]
        data = REPORT.sub(b"", data)
        if cut := _UNFINISHED.search(data):
            self._held, data = cut.group(), data[: cut.start()]
        return data

    def end(self) -> bytes:
        """Time is up: a lone Escape was typed; a longer beginning was an answer."""
        self.done = True
        return self._held if self._held == b"\x1b" else b""
