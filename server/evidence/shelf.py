"""The evidence as people read it: which sessions' files a person may see, opened without following.

1. A person sees the evidence of a session whose device he may see, if it is his own and he may
   `getfile` there, or if he may `replay` there. Every other session is one that does not exist.
2. Only plain files count; a link, whoever put it there, is not there.
"""

import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from commands.language.command import find
from server.audit.folders import Folders
from server.audit.journal import Journal, decode
from server.audit.records import SessionOpened
from server.identity.access import Ask, DeviceRef, Rules, decide
from server.live.inventory import Inventory
from server.store import records
from server.store.errors import StoreUnreadable

SESSION = re.compile(r"S[1-9][0-9]{0,15}")
LISTED = 2000
KNOWN = 10_000

T = TypeVar("T")


class Shelf:
    """Reads only. What touches the disk is meant for a thread."""

    def __init__(self, journal: Journal, rules: Callable[[], Rules], inventory: Inventory) -> None:
        self._journal, self._rules, self._inventory = journal, rules, inventory
        self._opened: dict[str, SessionOpened] = {}

    async def may_see(self, person: str, session: str) -> bool:
        """Rule 1 above, by the rules in force now."""
        if not SESSION.fullmatch(session):
            return False
        opened = await self._opening_of(session)
        if opened is None or not opened.device_id:
            return False
        device = self._inventory.by_id(opened.device_id)
        ref = device.ref if device is not None else DeviceRef(opened.device)
        word = "getfile" if opened.person == person else "replay"
        return self._allowed(person, word, ref) or self._allowed(person, "replay", ref)

    async def is_desks(self, session: str) -> bool:
        """Whether it was a session without a device."""
        opened = await self._opening_of(session)
        return opened is not None and not opened.device_id

    def sessions(self) -> list[tuple[str, os.stat_result]]:
        """The newest sessions that have evidence, whoever's."""
        folder = self._folders.state / "evidence"
        with os.scandir(folder) as found:
            names = [entry.name for entry in found if SESSION.fullmatch(entry.name)]
        names.sort(key=lambda name: -int(name[1:]))
        return [(name, os.lstat(folder / name)) for name in names[:LISTED]]

    def stat(self, session: str) -> os.stat_result:
        """Of the session's folder; OSError where there is none."""
        return self._within(session, os.fstat)

    def files(self, session: str) -> list[tuple[str, os.stat_result]]:
        """The plain files of a session."""
        return self._within(session, _plain_files)

    def open(self, session: str, name: str) -> int:
        """A descriptor of a plain file; OSError where there is none."""
        return self._within(session, lambda folder: _plain_file(folder, name))

    def _within(self, session: str, act: Callable[[int], T]) -> T:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(self._folder(session), flags)
        try:
            return act(folder)
        finally:
            os.close(folder)

    def _folder(self, session: str) -> Path:
        if not SESSION.fullmatch(session):
            raise FileNotFoundError(errno.ENOENT, "no such session")
        return self._folders.evidence(session)

    @property
    def _folders(self) -> Folders:
        return self._journal.folders

    async def _opening_of(self, session: str) -> SessionOpened | None:
        """The first record: it never changes, so it is kept."""
        if session not in self._opened:
            try:
                row = await records.one(self._journal.store, session, 1)
                body = decode(row).body if row is not None else None
            except StoreUnreadable:
                return None  # damaged: verify names it, nobody is shown it
            if not isinstance(body, SessionOpened):
                return None
            if len(self._opened) >= KNOWN:
                self._opened.clear()
            self._opened[session] = body
        return self._opened[session]

    def _allowed(self, person: str, word: str, device: DeviceRef) -> bool:
        kind = find(word)
        if kind is None:
            raise TypeError(word)
        # A comment is a session's; what it took is read without one.
        ask = Ask(person, word, kind.spec.role, None, device, "sftp", has_comment=True)
        return decide(self._rules(), ask).allowed


def _plain_files(folder: int) -> list[tuple[str, os.stat_result]]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode):
                found.append((entry.name, facts))
    return sorted(found)


def _plain_file(folder: int, name: str) -> int:
    if "/" in name or name in ("", ".", ".."):
        raise FileNotFoundError(errno.ENOENT, "no such file")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise FileNotFoundError(errno.ENOENT, "no such file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no such file")
    return descriptor
