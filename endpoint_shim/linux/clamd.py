"""ClamAV's daemon over its own socket (clamd(8)): files are given as open handles (FILDES).

A daemon that runs as an account of its own cannot read root's files by their paths, and says so in
a way that is easily taken for clean (Cisco-Talos/clamav #441); an open handle it can.
"""

import array
import contextlib
import itertools
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands.language.errors import Failed

SETTINGS = tuple(map(Path, ("/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf", "/etc/clamd.conf")))
USUAL = ("/var/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock", "/run/clamav/clamd.sock")
ANSWER_S = 300.0
"""One file: an archive in it may be large."""
BACK_S, AGAIN_S = 120.0, 0.5
"""So long a daemon that went away may take to load its signatures again."""
LARGEST, LARGEST_BEFORE_1 = 100 << 20, 25 << 20
"""clamd.conf(5), MaxFileSize: what is larger is skipped, and told as clean."""
LIMITS = "Heuristics.Limits.Exceeded"
LONGEST = 4096
_SOCKET = re.compile(r"^\s*LocalSocket\s+(\S+)", re.MULTILINE)
_MOST = re.compile(r"^\s*MaxFileSize\s+(\d+)([KkMmGg]?)\s*$", re.MULTILINE)
_PEER, _FILE = struct.Struct("3i"), b"--config-file="
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30}
_ANSWER = re.compile(r"(?:fd\[\d+\]: |[^:]*: )?(.*?)\s*(OK|FOUND|ERROR)\Z", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What it says of one file: a threat's name, why it could not be scanned, why it was not looked
    at (whole), or nothing of these."""

    threat: str = ""
    error: str = ""
    unseen: str = ""


def judged(words: str) -> Verdict:
    """Of what was found: a limit that was reached is no threat, and no clean bill."""
    if words.startswith(LIMITS):
        return Verdict(unseen=f"ClamAV's limits ({words.removeprefix(LIMITS).strip('.')})")
    return Verdict(threat=words or "unnamed")


def found(setting: str) -> str | None:
    """Where a daemon listens: as set for this shim, as it is configured, where it usually is."""
    told = [setting] if setting else []
    if not told:
        told += [place for text in _settings() for place in _SOCKET.findall(text)]
    for place in told or USUAL:
        if Path(place).is_socket():
            return place
    return None


def _settings(*more: Path) -> list[str]:
    return [one.read_text("utf-8", "replace") for one in (*SETTINGS, *more) if one.is_file()]


class Clamd:
    """One connection for each question: a daemon that is restarted costs one file."""

    def __init__(self, place: str) -> None:
        self._place = place

    def back(self) -> bool:
        """Whether it answers, or does again: one that crashed at a file loads its signatures."""
        until = time.monotonic() + BACK_S
        while True:
            try:
                self.version()
                return True
            except Failed:
                if time.monotonic() > until:
                    return False
                time.sleep(AGAIN_S)

    def version(self) -> str:
        """As it says it: `ClamAV 1.4.3/27900/Sun Nov 29 08:00:00 2026`; raises Failed."""
        return self._ask(b"zVERSION\0", None)

    def largest(self) -> int:
        """So many bytes of a file it looks at; what is larger it calls clean."""
        for text in _settings(*self._own_settings()):
            if self._place in _SOCKET.findall(text) and (found := _MOST.search(text)) is not None:
                return int(found[1]) << _UNITS[found[2].lower()] or 1 << 31
        return LARGEST_BEFORE_1 if self.version().startswith("ClamAV 0.") else LARGEST

    def _own_settings(self) -> Iterator[Path]:
        """The file that the daemon itself was started with, where it was told one."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.connect(self._place)
            said = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
            process = Path(f"/proc/{_PEER.unpack(said)[0]}")
            folder = os.readlink(process / "cwd")
            words = (process / "cmdline").read_bytes().split(b"\0")
            for word, after in itertools.pairwise(words):
                if word.startswith(_FILE):
                    yield Path(folder, os.fsdecode(word.removeprefix(_FILE)))
                elif word in (b"-c", b"--config-file"):
                    yield Path(folder, os.fsdecode(after))

    def scan(self, handle: int) -> Verdict:
        """Blocks while the daemon looks at the file; raises Failed where it does not answer."""
        said = self._ask(b"zFILDES\0", handle)
        answer = _ANSWER.fullmatch(said)
        if answer is None:
            return Verdict(error=f"an answer that is none: {said[:200]}")
        words, kind = answer.groups()
        if kind == "FOUND":
            return judged(words)
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
        if not said:
            raise Failed(f"clamd at {self._place} closed the line without an answer")
        return said.rstrip(b"\0\n").decode("utf-8", "replace")
