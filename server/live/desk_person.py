"""What one person set and used."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.person import QuotaRow, SettingRow
from server.live.preferences import TAKES, Preferences
from server.live.slots import slots

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskPerson:
    """Implements `commands.language.desk.person.Person`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    def limit(self, name: str) -> int:
        return int(getattr(self._broker.config.limits, name))

    def settings(self) -> list[SettingRow]:
        mine = self._broker.preferences.of(self._session.person)
        return [_row(mine, name) for name in TAKES]

    async def set(self, name: str, value: str) -> SettingRow:
        mine = await self._broker.preferences.set(self._session.person, name, value)
        return _row(mine, name)

    async def quota(self) -> AsyncIterator[QuotaRow]:
        for row in self._persons():
            yield row
        for row in self._sessions():
            yield row
        limits = self._broker.config.limits
        for what, unit, setting in _ALONE:
            yield QuotaRow(
                limit=what, allowed=int(getattr(limits, setting)), unit=unit, setting=setting
            )
        free = await self._broker.journal.free_bytes()
        yield QuotaRow(
            limit="free space",
            used=free,
            allowed=limits.reserve_bytes,
            unit="bytes",
            setting="reserve_bytes",
        )

    def _persons(self) -> list[QuotaRow]:
        """Slots: of everybody, and of this person."""
        sessions, limits = self._broker.sessions, self._broker.config.limits
        every, mine, others = slots(sessions, self._session.person)
        rows = (
            ("all sessions", every, limits.sessions, "sessions"),
            ("your sessions", mine, limits.sessions_per_person, "sessions_per_person"),
            ("your exec, sftp", others, limits.exec_per_person, "exec_per_person"),
        )
        return [
            QuotaRow(limit=what, used=used, allowed=most, unit="sessions", setting=setting)
            for what, used, most, setting in rows
        ]

    def _sessions(self) -> list[QuotaRow]:
        """What this session wrote, and its device's violations."""
        session, limits = self._session, self._broker.config.limits
        journal = session.journal
        rows = [
            ("this recording", journal.recording.position.offset, "recording_bytes"),
            ("these results", journal.results_used, "results_bytes"),
            ("this evidence", self._broker.evidence.used(journal), "evidence_bytes"),
        ]
        found = [
            QuotaRow(
                limit=what,
                used=used,
                allowed=getattr(limits, setting),
                unit="bytes",
                setting=setting,
            )
            for what, used, setting in rows
        ]
        if session.device is not None:
            found.append(
                QuotaRow(
                    limit="violations",
                    unit="an hour",
                    used=self._broker.sessions.violations_of(session.device),
                    allowed=limits.violations_per_hour,
                    setting="violations_per_hour",
                )
            )
        return found


def _row(mine: Preferences, name: str) -> SettingRow:
    takes, meaning = TAKES[name]
    return SettingRow(name=name, value=mine.shown(name), takes=takes, meaning=meaning)


_ALONE = (
    ("idle", "seconds", "idle_s"),
    ("left open", "seconds", "left_open_s"),
    ("a command", "seconds", "command_s"),
    ("a long command", "seconds", "long_command_s"),
    ("an action", "seconds", "queue_s"),
    ("an approval", "seconds", "approval_s"),
    ("a shell let in", "seconds", "approved_s"),
    ("a file taken", "bytes", "file_bytes"),
    ("with its holes", "bytes", "sparse_bytes"),
    ("a fileinfo", "bytes", "fileinfo_bytes"),
    ("a library file", "bytes", "library_bytes"),
)
