"""The evidence of all sessions: names given to what comes, limits, and what may be resumed."""

import hashlib
import re
from pathlib import Path

from commands.getfile import GetFile
from commands.language import items, names
from commands.language.command import Command
from commands.language.errors import Refused
from server.audit.session import SessionJournal
from server.config import Limits
from server.evidence.incoming import Incoming, Resumed
from server.live.device_job import DeviceJob

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@,() -]")


class EvidenceRoom:
    """Gives every incoming file its place."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._used: dict[str, int] = {}
        self._partial: dict[tuple[str, str], Path] = {}

    def incoming(self, journal: SessionJournal, job: DeviceJob, into: items.Into) -> Incoming:
        """A place for the file that a job announced; Refused over the session's budget."""
        left = self._limits.evidence_bytes - self._used.get(journal.id, 0)
        if left <= 0:
            raise Refused(
                f"the evidence of {journal.id} has reached {self._limits.evidence_bytes:,} bytes"
            )
        return Incoming(
            journal,
            job.number,
            into,
            safe_name(into.name),
            min(self._limits.file_bytes, left),
            None,
        )

    def have(self, journal: SessionJournal, command: Command) -> tuple[int, str | None]:
        """What is already here of the file that a getfile asks for, in this session."""
        return 0, None


def safe_name(name: names.Name) -> str:
    """The last part of a device's name as a name of ours: plain, short, never a path."""
    last = re.split(r"[/\\]", names.shown(name).strip('"'))[-1] or "file"
    plain = _UNSAFE.sub("_", last)
    if plain.startswith((".", " ")) or plain.endswith((" ", ".partial")):
        plain = f"_{plain}_"
    if len(plain) > 120:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        plain = f"{plain[:100]}-{digest}{Path(plain).suffix[:10]}"
    return plain


__all__ = ["EvidenceRoom", "GetFile", "Resumed", "safe_name"]
