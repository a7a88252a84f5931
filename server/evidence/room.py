"""The evidence of all sessions: names for what comes, budgets, what goes on where it broke.

1. A device's name is data: what lies on the broker has a plain name of ours, never a path.
2. A partial is offered only to the session that holds it. Which one is meant may be guessed from
   a relative path: the device compares the digest of what is held before it goes on.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from commands.collect import Collect
from commands.getfile import GetFile
from commands.language import items, names
from commands.language.command import Command
from commands.language.errors import Refused
from server.audit.sealing import PARTIAL, PARTIAL_ZIP
from server.audit.session import SessionJournal
from server.config import Limits
from server.evidence.incoming import Held, Incoming

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@,() -]")
LONGEST = 120
PARTIALS = 1000


@dataclass
class _Session:
    """What one live session has spent and holds."""

    used: int = 0
    partials: dict[str, Held] = field(default_factory=dict)

    def keep(self, held: Held) -> None:
        self.partials.pop(held.path, None)
        self.partials[held.path] = held
        while len(self.partials) > PARTIALS:
            del self.partials[next(iter(self.partials))]


class EvidenceRoom:
    """Gives every incoming file its place."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sessions: dict[str, _Session] = {}

    def incoming(
        self, journal: SessionJournal, number: int, command: Command, into: items.Into
    ) -> Incoming:
        """A place for the file that a command announced; Refused over a limit or the budget."""
        session = self._of(journal)
        held = self._going_on(session, command, into)
        left = self._limits.evidence_bytes - session.used
        if into.size is not None and self._limits.file_bytes >= into.size - into.holes > left:
            raise self._over(journal)
        incoming = Incoming(
            journal,
            number,
            into,
            safe_name(into.name),
            self._limits.file_bytes,
            held,
            self._limits.sparse_bytes,
        )

        def spend(size: int) -> None:
            if session.used + size > self._limits.evidence_bytes:
                raise self._over(journal)
            session.used += size

        incoming.spend, incoming.on_partial = spend, session.keep
        incoming.reserve = self._limits.reserve_bytes
        session.used += held.size - held.holes if held is not None else 0
        incoming.is_package = isinstance(command, Collect)
        return incoming

    def have(self, journal: SessionJournal, command: Command) -> tuple[int, str | None]:
        """What is already here of the file that a getfile asks for, in this session."""
        held = _meant(self._of(journal), command)
        return (held.size, held.sha256) if held is not None else (0, None)

    def used(self, journal: SessionJournal) -> int:
        """Bytes of the session's budget."""
        return self._sessions[journal.id].used if journal.id in self._sessions else 0

    def _going_on(self, session: _Session, command: Command, into: items.Into) -> Held | None:
        if into.offset == 0:
            return None
        held = _meant(session, command)
        if held is None or held.size != into.offset:
            raise Refused(
                f"{names.shown(into.name)} was sent from byte {into.offset:,}, which nobody asked "
                "for; type it again"
            )
        return held

    def _over(self, journal: SessionJournal) -> Refused:
        return Refused(
            f"the evidence of {journal.id} has reached {self._limits.evidence_bytes:,} bytes; "
            "another session has a budget of its own"
        )

    def _of(self, journal: SessionJournal) -> _Session:
        if journal.id not in self._sessions:
            self._sessions[journal.id] = _Session()
            journal.ended.add_done_callback(lambda _: self._sessions.pop(journal.id, None))
        return self._sessions[journal.id]


def _meant(session: _Session, command: Command) -> Held | None:
    """The partial of the file that is asked for; a relative path is one's end."""
    if not isinstance(command, GetFile):
        return None
    asked = command.path.removeprefix(names.RAW)
    for held in reversed(session.partials.values()):
        path = held.path.removeprefix(names.RAW)
        if path == asked or path.endswith((f"/{asked}", f"\\{asked}")):
            return held
    return None


def safe_name(name: names.Name) -> str:
    """The last part of a device's name as a name of ours: plain, short, never a path."""
    plain = _UNSAFE.sub("_", names.shown(names.last_part(name))) or "file"
    if plain.startswith((".", " ")) or plain.endswith((" ", PARTIAL, PARTIAL_ZIP)):
        plain = f"_{plain}_"
    if len(plain) > LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        plain = f"{plain[:100]}-{digest}{Path(plain).suffix[:10]}"
    return plain
