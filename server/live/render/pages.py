"""Bytes of a device as text, piece by piece, by the code page it names; never an error.

A byte-order mark at the start overrules the page. What the page does not know is kept as
`\\xff` (field reports k01: a byte that cannot be decoded must not lose the whole result).
"""

import codecs
import re

from commands.language.visible import visible

KNOWN = re.compile(
    r"utf-?(8|8-sig|16|16-?[lb]e|32|32-?[lb]e)|ascii|latin-?1|iso-?8859-\d{1,2}|cp\d{3,5}"
    r"|windows-125\d|koi8-[rut]|gb2312|gbk|gb18030|big5(hkscs)?|shift_jis|euc[-_](jp|kr)|mac\w{1,12}"
)
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LONGEST = 4


class Pages:
    """One stream's decoder, and the escaper after it."""

    def __init__(self, page: str = "utf-8") -> None:
        self.page = page
        self._decoder: codecs.IncrementalDecoder | None = None
        self._start = b""
        self._return = ""

    def visible(self, data: bytes, final: bool = False) -> str:
        """The piece as visible text; tabs and line ends pass, a lone carriage return does not."""
        text = self._return + self._decode(data, final)
        self._return = "\r" if text.endswith("\r") and not final else ""
        if self._return:
            text = text[:-1]
        return "\r\n".join(visible(part, "\n\t") for part in text.split("\r\n"))

    def _decode(self, data: bytes, final: bool) -> str:
        if self._decoder is None:
            data = self._start + data
            self._start = b""
            if len(data) < LONGEST and not final and _may_be_mark(data):
                self._start = data
                return ""
            self._decoder = _decoder(self.page, data)
        return self._decoder.decode(data, final)


def _may_be_mark(data: bytes) -> bool:
    return any(mark.startswith(data) or data.startswith(mark[:2]) for mark, _ in MARKS)


def _decoder(page: str, start: bytes) -> codecs.IncrementalDecoder:
    marked = next((name for mark, name in MARKS if start.startswith(mark)), "")
    # Python's utf-16 and utf-32 insist on a mark; without one it is Windows' order.
    page = marked or re.sub(r"\A(utf-?(?:16|32))\Z", r"\1-le", page.lower())
    if not KNOWN.fullmatch(page):
        page = "utf-8"
    try:
        return codecs.getincrementaldecoder(page)("backslashreplace")
    except LookupError:
        return codecs.getincrementaldecoder("utf-8")("backslashreplace")
