"""Every page that a Windows console may have is a codec that the broker decodes with."""

import codecs

import pytest

from endpoint_shim.windows.code_pages import codec, of_first_bytes
from server.live.render.pages import KNOWN

PAGES = (
    *(437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874),
    *(932, 936, 949, 950, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 1200, 1201),
    *(20127, 20866, 21866, 20936, 28591, 28595, 28605, 51932, 51949, 54936, 65001, 10000, 0),
)


@pytest.mark.parametrize("number", PAGES)
def test_the_broker_knows_the_page(number: int) -> None:
    name = codec(number)
    assert KNOWN.fullmatch(name)
    codecs.lookup(name)


@pytest.mark.parametrize(
    ("data", "page"),
    [
        ("größe\r\n".encode("utf-16-le"), "utf-16-le"),
        ("größe\r\n".encode("cp850"), "cp850"),
        (b"", "cp850"),
        (b"a\0b", "cp850"),
        (b"\0\0\0\0\0\0", "cp850"),
        (b"plain text", "cp850"),
    ],
)
def test_utf_16_without_a_mark_is_known_by_its_nuls(data: bytes, page: str) -> None:
    assert of_first_bytes(data, "cp850") == page
