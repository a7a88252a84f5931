"""Names that an attacker gives to files: bytes of every kind that Linux takes."""

import random
from collections.abc import Iterator

_BROKEN = (
    *(b"\xff", b"\xfe\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"),
    *(b"\xc0\xaf", b"\xff" * 200),
)
_CONTROL = (
    *(b"\n", b"\r", b"\t", b"\x1b[2J", b"\x1b]0;x\x07", b"\x07", b"\x08", b"\x7f", b"\x9b31m"),
    *(b"\x1b", b"\x1b[6n", b"\r\n", b"\x0b", b"\x0c", b"\x01"),
)
_SHELL = (
    *(b" ", b"  ", b"'", b'"', b"\\", b"`", b"$(id)", b"${PATH}", b";id", b"|id", b"&", b">x"),
    *(b"<", b"*", b"?", b"[a-z]", b"{a,b}", b"~", b"~root", b"#", b"!", b"!!", b"-", b"--"),
    *(b"-rf", b"-output", b"$IFS", b"\\\\"),
)
_OURS = (
    *(b"%", b"%41", b"%zz", b"%00", b"raw:", b"raw:%ff", b"raw:%zz", b"..", b"...", b". "),
    *(b"C:", b":x", b"CON", b"aux.txt", b".partial", b".torn", b"=cmd|x", b"+1", b"@x"),
    *(b"<script>", b"' OR 1=1", b"x", b"~bob", b"\\?\\C:"),
)
_TEXT = (
    *("\u202egnp.exe", "\u2066x", "\u200b", "\ufeff", "\u2028", "\u0430", "e\u0301", "\u00a0"),
    *("\U0001f600", "\U000e0041", "\ufdd0", "日本", "ünïcode", "\u3164", "\u0085", "\u00ad"),
)
PIECES = [*_BROKEN, *_CONTROL, *_SHELL, *_OURS, *(text.encode() for text in _TEXT)]
_BYTES = bytes(byte for byte in range(1, 256) if byte != ord("/"))


def hostile(count: int, seed: int) -> Iterator[bytes]:
    """So many different names: each piece alone, then pieces together, then any bytes."""
    chance = random.Random(seed)
    given = {b".", b".."}
    for number in range(10 * count):
        if number < len(PIECES):
            name = PIECES[number]
        elif number % 3:
            name = b"".join(chance.choices(PIECES, k=chance.randint(2, 6)))
        else:
            length = chance.choice((1, 2, 8, 40, 255))
            name = bytes(chance.choice(_BYTES) for _ in range(length))
        name = name[:255]
        if name not in given:
            given.add(name)
            yield name
        if len(given) == count + 2:
            return
