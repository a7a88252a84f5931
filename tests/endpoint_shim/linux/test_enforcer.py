"""The enforcer's process by itself: what it says where it cannot enforce."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from commands.language.errors import Refused
from endpoint_shim.linux.enforcement import LONGEST, Begin, Broken, from_enforcer, send
from endpoint_shim.linux.enforcer import refuse_unless_supported

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="root's rights are taken away here"),
    pytest.mark.needs("setpriv", "dpkg"),
]
WITHOUT = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "--")


def said(tmp_path: Path, *before: str) -> Broken:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        send(ours, Begin(own=[], mounts=["/proc"], claim=str(tmp_path / "claim")))
        handle = theirs.fileno()
        program = [sys.executable, "-I", "-m", "endpoint_shim.linux.enforcer", str(handle)]
        ran = subprocess.run([*before, *program], pass_fds=[handle], timeout=60, check=False)
        assert ran.returncode == 1
        message = from_enforcer.decode(ours.recv(LONGEST))
    assert isinstance(message, Broken)
    return message


def test_without_the_right_it_says_which_one_it_needs(tmp_path: Path) -> None:
    text = said(tmp_path, *WITHOUT).text
    assert "does not let it ask about programs" in text and "CAP_SYS_ADMIN" in text


def test_a_folder_that_is_no_mount_is_refused(tmp_path: Path) -> None:
    """Only judged here, never started: a mark on it would be one on this machine's own disk."""
    begin = Begin(own=[], mounts=[str(tmp_path)], claim=str(tmp_path / "claim"))
    with pytest.raises(Refused, match="is no mount point"):
        refuse_unless_supported(begin)
