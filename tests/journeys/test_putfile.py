"""putfile through the real ssh: what a second time says and leaves."""

import hashlib
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh")
BODY = b"#!/bin/sh\necho put\n"
DIGEST = hashlib.sha256(BODY).hexdigest()


def test_the_same_again_is_one_true_sentence(demo: Demo, tmp_path: Path) -> None:
    assert demo.client("ssh", "fireline", "library add put.sh", stdin=BODY).status == 0
    line, place = f"on {demo.device} putfile put.sh -path {tmp_path}/put.sh", tmp_path / "put.sh"
    first = demo.client("ssh", "fireline", line)
    assert first.out.startswith(f"{place} written: {len(BODY)} bytes"), first.err
    was = place.stat()
    second = demo.client("ssh", "fireline", line)
    assert (second.status, second.err) == (0, "")
    said, digest = second.out.splitlines()
    assert said.startswith(f"{place} is there already, nothing was written: {len(BODY)} bytes, ")
    assert digest == f"sha256 {DIGEST}"
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (was.st_ino, was.st_mtime_ns)


def test_keep_keeps_what_the_session_has_already(demo: Demo) -> None:
    demo.client("ssh", "fireline", "library add kept.sh", stdin=BODY)
    lines = b"putfile kept.sh\nputfile kept.sh -keep\nexit\n"
    ran = demo.client("ssh", "fireline", f"connect {demo.device}", stdin=lines)
    assert ran.status == 0, ran.err
    written = [line.split(" written:")[0] for line in ran.out.splitlines() if " written:" in line]
    assert len(written) == 2 and written[0] != written[1]
    try:
        assert Path(written[1]).read_bytes() == BODY
        assert not Path(written[0]).exists()
    finally:
        Path(written[1]).unlink(missing_ok=True)
