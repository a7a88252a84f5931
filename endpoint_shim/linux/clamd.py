"""ClamAV's daemon over its own socket (clamd(8)): files are given as open handles (FILDES).

A daemon that runs as an account of its own cannot read root's files by their paths, and says so in
a way that is easily taken for clean (Cisco-Talos/clamav #441); an open handle it can.
"""

import array
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from commands.language.errors import Failed

SETTINGS = Path("/etc/clamav/clamd.conf")
USUAL = ("/var/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock", "/run/clamav/clamd.sock")
ANSWER_S = 300.0
"""One file: an archive in it may be large."""
LONGEST = 4096
_SOCKET = re.compile(r"^\s*LocalSocket\s+(\S+)", re.MULTILINE)
_ANSWER = re.compile(r"(?:fd\[\d+\]: |[^:]*: )?(.*?)\s*(OK|FOUND|ERROR)\Z", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What it says of one file: a threat's name, or why it could not be scanned, or neither."""

    threat: str = ""
    error: str = ""


def found(setting: str) -> str | None:
    """Where a daemon listens: as set for this shim, as it is configured, where it usually is."""
    told = [setting] if setting else []
    if not told and SETTINGS.exists():
        told += _SOCKET.findall(SETTINGS.read_text("utf-8", "replace"))
    for place in told or USUAL:
        if Path(place).is_socket():
            return place
    return None


class Clamd:
    """One connection for each question: a daemon that is restarted costs one file."""

    def __init__(self, place: str) -> None:
        self._place = place

    def version(self) -> str:
        """As it says it: `ClamAV 1.4.3/27900/Sun Nov 29 08:00:00 2026`; raises Failed."""
        return self._ask(b"zVERSION\0", None)

    def scan(self, handle: int) -> Verdict:
        """Blocks while the daemon looks at the file; raises Failed where it does not answer."""
        said = self._ask(b"zFILDES\0", handle)
        answer = _ANSWER.fullmatch(said)
        if answer is None:
            return Verdict(error=f"an answer that is none: {said[:200]}")
        words, kind = answer.groups()
        if kind == "FOUND":
            return Verdict(threat=words or "unnamed")
        return Verdict(error=words or "no reason given") if kind == "ERROR" else Verdict()

    def _ask(self, question: bytes, handle: int | None) -> str:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ANSWER_S)
                line.connect(self._place)
                line.sendall(question)
                if handle is not None:
                    handles = array.array("i", [handle])
                    line.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
                said = b""
                while len(said) < LONGEST and (more := line.recv(LONGEST - len(said))):
                    said += more
        except OSError as error:
            raise Failed(f"clamd at {self._place} does not answer: {error}") from None
        return said.rstrip(b"\0\n").decode("utf-8", "replace")
