"""`/library` and `/sessions` through the stock sftp and scp: who sees them, what a put makes."""

import json
import os
import struct
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo
from tests.journeys.sftp_client import Raw, code, string

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")
WRITE, CREAT, TRUNC = 2, 8, 16


def listed(demo: Demo, folder: str, host: str = "fireline") -> list[str]:
    ran = demo.sftp(f"ls -1 {folder}", host=host)
    return [line.rsplit("/", 1)[-1] for line in ran.out.splitlines()[1:]]


def test_a_put_is_a_version_and_the_ones_before_stay(demo: Demo, tmp_path: Path) -> None:
    one, two = os.urandom(3 << 20), b"#!/bin/sh\n"
    for content in (one, two):
        (tmp_path / "tool").write_bytes(content)
        ran = demo.client("scp", "-p", str(tmp_path / "tool"), "fireline:/library/tool.bin")
        assert (ran.status, ran.err) == (0, "")
    for path, content in (("tool.bin@1", one), ("tool.bin@2", two), ("TOOL.bin", two)):
        got = demo.client("scp", f"fireline:/library/{path}", str(tmp_path / "got"))
        assert (got.status, got.err) == (0, "")
        assert (tmp_path / "got").read_bytes() == content
    rows = json.loads(demo.client("ssh", "fireline", "library list tool.bin -output json").out)
    assert [(row["version"], row["size"], row["added_by"]) for row in rows] == [
        (2, len(two), "alice")
    ]
    assert "tool.bin" in listed(demo, "/library")


def test_the_same_bytes_make_no_version_and_that_is_said(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "same").write_text("same")
    assert demo.sftp(f"put {tmp_path}/same /library/same").status == 0
    ran = demo.sftp(f"put {tmp_path}/same /library/same")
    assert (ran.status, "had these bytes already as version 1" in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("put {here}/f '/library/a;b'", "is no library name"),
        ("mkdir /library/new", "nothing is made or changed here"),
        ("rm /library/kill-tree.sh", "library delete NAME takes it out"),
        ("rename /library/kill-tree.sh /library/new", "nothing is made or changed here"),
        ("put -a {here}/f /library/kill-tree.sh", "a version never changes"),
        ("put {here}/f /sessions/S1.cast", "nothing is made or changed here"),
    ],
)
def test_what_is_no_put_is_refused(demo: Demo, tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "f").write_bytes(bytes(60_000))
    before = listed(demo, "/library")
    ran = demo.sftp(line.format(here=tmp_path))
    assert ran.status == 1
    assert said in ran.err
    assert listed(demo, "/library") == before


def test_who_may_not_list_the_library_sees_none(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    for host in ("fireline-basic", "fireline-auditor"):
        assert "library" not in listed(demo, "/", host)
        assert demo.sftp("ls /library", host=host).status == 1
        ran = demo.sftp(f"put {tmp_path}/f /library/f", host=host)
        assert (ran.status, "library needs advanced" in ran.err) == (1, True)


def test_what_is_cut_off_is_no_version_and_gaps_are_refused(demo: Demo) -> None:
    with Raw(demo) as raw:
        path = string(b"/library/half")
        handle = raw.ask(3, path + struct.pack(">II", WRITE | CREAT | TRUNC, 0))[9:]
        assert code(raw.ask(6, string(handle) + struct.pack(">Q", 0) + string(b"half"))) == 0
        assert code(raw.ask(6, string(handle) + struct.pack(">Q", 9) + string(b"far"))) == 3
        raw.process.kill()
    assert "half" not in listed(demo, "/library")


def test_recordings_are_casts_for_their_person_and_the_auditor(demo: Demo, tmp_path: Path) -> None:
    ran = demo.client("ssh", "fireline", f"on {demo.device} pwd")
    assert ran.status == 0, ran.err
    session = max((n for n in listed(demo, "/sessions")), key=lambda n: int(n[1:-5]))
    assert session not in listed(demo, "/sessions", "fireline-basic")
    for host in ("fireline", "fireline-auditor"):
        got = demo.client("scp", f"{host}:/sessions/{session}", str(tmp_path / "got"))
        assert (got.status, got.err) == (0, "")
        header, *events = map(json.loads, (tmp_path / "got").read_text().splitlines())
        assert (header["version"], header["title"]) == (2, session.removesuffix(".cast"))
        assert [event[2] for event in events if event[1] == "m"] == ["#1 pwd"]
    refused = demo.client("scp", f"fireline-basic:/sessions/{session}", str(tmp_path / "no"))
    assert refused.status == 1
    assert demo.client("scp", "fireline:/sessions/S1.cast", str(tmp_path / "no")).status == 1
    desks = demo.client("scp", "fireline-auditor:/sessions/S1.cast", str(tmp_path / "desk"))
    assert (desks.status, desks.err) == (0, "")
