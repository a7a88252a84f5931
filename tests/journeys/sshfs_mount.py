"""A folder mounted by a real sshfs on a real sftp-server, either of which can fall silent.

1. With its far side stopped, sshfs has taken the kernel's question: who asked cannot be killed.
2. With sshfs itself stopped nobody has taken it: who asked can be killed.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.rig import until

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


@dataclass
class Mount:
    """The mounted folder, and the two processes behind it."""

    place: Path
    source: Path
    sshfs: "subprocess.Popen[bytes]"
    far: int
    _said: int | None = None
    """What sshfs had written when its far side fell silent."""

    def silence(self, which: str) -> None:
        """Stops `far` (the sftp-server) or `sshfs`."""
        self._said = self._written() if which == "far" else None
        os.kill(self.far if which == "far" else self.sshfs.pid, signal.SIGSTOP)

    @property
    def asked(self) -> bool:
        """Whether sshfs has taken a question since its far side fell silent, and passed it on: who
        asked can be killed until then."""
        return self._said is None or self._written() > self._said

    def _written(self) -> int:
        lines = Path(f"/proc/{self.sshfs.pid}/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))

    def speak(self) -> None:
        for pid in (self.far, self.sshfs.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Its own server is gone, and the mount dead."""
        self.sshfs.kill()
        self.sshfs.wait()


@contextlib.contextmanager
def sshfs_mount(work: Path) -> Iterator[Mount]:
    """Mounts a folder with the one file `f`."""
    far, place, pid = work / "far", work / "mnt", work / "far.pid"
    far.mkdir()
    place.mkdir()
    (far / "f").write_text("far away\n")
    command = work / "far.sh"
    command.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec {SFTP_SERVER}\n")
    command.chmod(0o700)
    sshfs = subprocess.Popen(
        ["sshfs", "-f", "-o", f"ssh_command={command}", f"nowhere:{far}", str(place)]
    )
    try:
        until("sshfs has mounted", lambda: os.path.ismount(place) and pid.read_text().strip())
        mount = Mount(place, far, sshfs, int(pid.read_text()))
        yield mount
        mount.speak()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
        sshfs.kill()
        sshfs.wait()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid.read_text()), signal.SIGKILL)
