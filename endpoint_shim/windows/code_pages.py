"""Windows' numbers of code pages as Python's codecs; pure."""

_OTHERS = {
    0: "ascii",
    1200: "utf-16-le",
    1201: "utf-16-be",
    10000: "macroman",
    20127: "ascii",
    20866: "koi8-r",
    20936: "gb2312",
    21866: "koi8-u",
    51932: "euc-jp",
    51949: "euc-kr",
    54936: "gb18030",
    65001: "utf-8",
}
LOOKED_AT = 512


def codec(number: int) -> str:
    """`cp850`, `utf-8`, `iso8859-5`: what a broker on Linux knows the page by."""
    if 28591 <= number <= 28606:
        return f"iso8859-{number - 28590}"
    return _OTHERS.get(number, f"cp{number:03}")


def of_first_bytes(data: bytes, otherwise: str) -> str:
    """The page that output's first bytes give away: UTF-16 has a NUL beside each Latin letter.

    A byte-order mark is seen by who decodes; this is for what has none (`cmd /u`, wmic).
    """
    head = data[:LOOKED_AT]
    pairs = len(head) // 2
    if pairs < 2:
        return otherwise
    low, high = head[0 : 2 * pairs : 2], head[1 : 2 * pairs : 2]
    if low.count(0) == 0 and high.count(0) * 4 >= pairs * 3:
        return "utf-16-le"
    return otherwise
