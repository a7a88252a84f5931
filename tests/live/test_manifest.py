"""What a script's first bytes give away is said when it is added; nothing is refused for it."""

import pytest

from server.live.manifest import noticed

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("x.cmd", b"@echo off\n:a\ngoto a\n", "has Unix line ends; cmd.exe may miss its labels"),
        ("x.bat", BOM + b"@echo off\r\n", "begins with a byte-order mark; run takes it away"),
        ("x.cmd", "@echo off".encode("utf-16"), "is UTF-16; neither cmd.exe nor"),
        ("x.ps1", "'ö'".encode(), "PowerShell 5.1 misreads; run gives it one"),
        ("x.sh", b"#!/bin/sh\r\n", "has Windows line ends"),
    ],
)
def test_what_runs_otherwise_than_it_looks_is_said(name: str, head: bytes, said: str) -> None:
    (note,) = noticed(name, head)
    assert note.startswith(f"{name} ") and said in note


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("x.cmd", b"@echo off\r\n"),
        ("x.ps1", "'ö'".encode("utf-16")),
        ("x.ps1", BOM + "'ö'".encode()),
        ("x.ps1", b"'plain'"),
        ("x.sh", b"#!/bin/sh\n"),
    ],
)
def test_what_runs_as_it_looks_is_not_remarked_on(name: str, head: bytes) -> None:
    assert noticed(name, head) == []
