"""What of a device's terminal output reaches a live screen: all but strings to the terminal itself.

OSC passes by a list: titles, colours, and the shell's prompt marks (133). Everything else an OSC
can do (clipboard, links, files, notifications) is dropped, and so are DCS, APC, PM and SOS strings
that wrap another sequence for a multiplexer. The recording keeps all.
"""

import re
from collections.abc import Iterator

_COLORS = r"4|5|1[0-9]|10[45]|11[0-9]"
_ALLOWED = re.compile(rf"(?:[0-2]|{_COLORS}|133)(?:;|\Z)".encode())
_BEGIN = re.compile(rb"\x1b[\]P_^X]|\xc2[\x9d\x90\x9f\x9e\x98]")
# An Escape that begins something else ends a string too, as terminals do.
_END = re.compile(rb"\x07|\x1b\\|\x18|\x1a|\xc2\x9c|(?=\x1b)")
_MAY_BEGIN = (b"\x1b", b"\xc2")
LONGEST_STRING = 4096
_CURSOR = re.compile(rb"\x1b\[[0-9]{0,2} q")
_KITTY = re.compile(rb"\x1b\[>[0-9;]{0,16}u")
_MODIFY = re.compile(rb"\x1b\[>4;[0-9]m")


class DeviceOutput:
    """The filter of one screen; fed in order."""

    def __init__(self) -> None:
        self._string: bytearray | None = None
        self._held = b""
        self._touched: set[str] = set()

    def passed(self, data: bytes) -> bytes:
        """What of it may be shown."""
        if self._string is None and not self._held and not any(b in data for b in _MAY_BEGIN):
            return data
        data, self._held = self._held + data, b""
        if data.endswith(_MAY_BEGIN):
            data, self._held = data[:-1], data[-1:]
        return b"".join(self._parts(data))

    def undo(self) -> bytes:
        """Takes back what the device set beside its modes: cursor's form, colours, key reports."""
        undo = {
            "cursor": b"\x1b[0 q", "kitty": b"\x1b[<u", "keys": b"\x1b[>4m",
            "colors": b"\x1b]104\x07\x1b]110\x07\x1b]111\x07\x1b]112\x07",
        }  # fmt: skip
        return b"".join(undo[what] for what in sorted(self._touched))

    def _parts(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            if self._string is not None:
                at = self._in_string(data, at)
                if self._string is None:
                    yield self._whole
                continue
            begin = _BEGIN.search(data, at)
            if begin is None:
                self._look(data[at:])
                yield data[at:]
                return
            self._look(data[at : begin.start()])
            yield data[at : begin.start()]
            self._string = bytearray(begin.group())
            at = begin.end()

    _whole = b""

    def _in_string(self, data: bytes, at: int) -> int:
        """Collects a string; puts into `_whole` what of it passes once it is whole."""
        string = self._string
        assert string is not None
        end = _END.search(data, at)
        if end is None:
            string += data[at:][: LONGEST_STRING + 1 - len(string)]
            return len(data)
        string += data[at : end.start()][: LONGEST_STRING + 1 - len(string)]
        whole = b"" if end.group() in (b"", b"\x18", b"\x1a") else self._judged(bytes(string))
        self._string, self._whole = None, whole
        return end.end()

    def _judged(self, string: bytes) -> bytes:
        if string[:2] not in (b"\x1b]", b"\xc2\x9d") or len(string) > LONGEST_STRING:
            return b""
        if not _ALLOWED.match(string, 2):
            return b""
        if re.match(_COLORS.encode(), string[2:]):
            self._touched.add("colors")
        return b"\x1b]" + string[2:] + b"\x07"

    def _look(self, text: bytes) -> None:
        if b"\x1b" not in text:
            return
        for name, pattern in (("cursor", _CURSOR), ("kitty", _KITTY), ("keys", _MODIFY)):
            if pattern.search(text):
                self._touched.add(name)
