"""What first bytes say."""

from pathlib import Path

import pytest

from endpoint_shim.content import HEAD, described, shebang


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"#!/bin/sh -e\n", "script /bin/sh"),
        (b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0", "Windows program"),
        (b"MZ", "DOS or Windows program"),
        (b"\x7fELF", "ELF file"),
        (b"\x1f\x8b\x08", "gzip data"),
        (bytes(257) + b"ustar\0", "tar archive"),
        (b"regf\0", "Windows registry hive"),
        (b"\xff\xfea\0", "UTF-16 text with a byte-order mark"),
        (b"plain\r\n\ttext \x1b[0m\n", "text"),
        ("grüße".encode(), "UTF-8 text"),
        ("grüße".encode("cp850"), "text in an 8-bit code page"),
        (b"x" * (HEAD - 1) + "ü".encode()[:1], "UTF-8 text"),
        (b"a\0b", "unknown bytes"),
    ],
)
def test_first_bytes_are_described(head: bytes, words: str) -> None:
    assert described(head) == words


def test_a_program_of_this_system_is_one() -> None:
    assert described(Path("/bin/sh").read_bytes()[:HEAD]).startswith("ELF 64-bit program")


def test_the_interpreters_line_is_split_as_the_kernel_does() -> None:
    assert shebang(b"#! /usr/bin/env  -S bash -e \r\nx") == [b"/usr/bin/env", b"-S bash -e"]
    assert shebang(b"\xef\xbb\xbf\n\n#!/bin/bash\n") == [b"/bin/bash"]
    assert shebang(b"echo\n#!/bin/bash\n") == []
    assert shebang(b"#!\n") == []
