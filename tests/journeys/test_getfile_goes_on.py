"""A getfile whose worker is killed, typed again in the same session."""

import hashlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from commands.language import items
from server.audit.chunks import Kind, Reader
from tests.journeys.files_demo import Demo, demo
from tests.journeys.rig import workers_of

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh")
SIZE = 256 << 20
SOME = 16 << 20


def worker_of(demo: Demo) -> int:
    """The shim's busiest worker."""
    return int(max(workers_of(demo.pid(1)), key=lambda c: sum(c.cpu_times()[:2])).pid)


def wait_for_bytes(folder: Path, ssh: subprocess.Popen[bytes]) -> None:
    """Until so much of a file has come in; ends if the client ends."""
    while ssh.poll() is None:
        if any(path.stat().st_size >= SOME for path in folder.iterdir()):
            return
        time.sleep(0.002)  # what it waits for needs this processor


def test_it_goes_on_at_the_byte_where_it_broke(demo: Demo, tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        for at in range(0, SIZE, 1 << 20):
            file.write(at.to_bytes(8, "big") * (1 << 17))
    argv = ["ssh", "-F", str(demo.state / "ssh_config"), "fireline", f"connect {demo.device}"]
    line = f'getfile "{big}"\n'.encode()
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as ssh:
        assert ssh.stdin is not None
        ssh.stdin.write(line)
        ssh.stdin.flush()
        broker = demo.state / "broker"
        wait_for_bytes(broker / "evidence" / "incoming", ssh)
        os.kill(worker_of(demo), signal.SIGKILL)
        out, err = ssh.communicate(line, timeout=120)
    assert ssh.returncode == 0, (out, err)
    assert b"interrupted" in err
    session = max((broker / "evidence").glob("S*"), key=lambda p: int(p.name[1:]))
    partial = session / "big.partial"
    assert SOME <= partial.stat().st_size < SIZE
    with (session / "big").open("rb") as taken, big.open("rb") as there:
        digests = {hashlib.file_digest(file, "sha256").hexdigest() for file in (taken, there)}
    assert len(digests) == 1
    assert digests.pop().encode() in out
    notes = [
        items.decode(chunk.data)
        for chunk in Reader(broker / "results" / session.name / "2.res")
        if chunk.kind is Kind.NOTE
    ]
    offsets = [note.offset for note in notes if isinstance(note, items.Into)]
    assert offsets == [partial.stat().st_size]
    verified = demo.client("ssh", "fireline-auditor", f"verify {session.name}")
    assert verified.status == 0, verified.out
    assert re.search(r"2 files? same", verified.out)
