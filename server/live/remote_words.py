"""What stands on the device and may complete a line: paths of a folder, process ids (console.md,
rule 14).

1. It is asked by the command that lists it, judged and journaled like one that was typed, and only
   where the person may type it.
2. An answer that takes longer than 100 ms is left out of this menu; it serves the next Tab. What is
   known is kept for 10 s. One question is under way at a time, and stopped after 2 s.
"""

import asyncio
import contextlib
import dataclasses
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from commands.language.command import find
from commands.language.completion import value
from commands.language.errors import FirelineError
from commands.language.host.files import FileRow
from commands.language.host.processes import ProcessRow
from commands.language.items import Row
from commands.language.line import parse
from commands.language.names import Name, last_part, raw_form, text
from server.live.job import Job

if TYPE_CHECKING:
    from server.live.session import Session
    from server.live.sessions import Sessions

    Opened = Callable[[], Awaitable[Session | None]]

Kind = Literal["paths", "pids"]
Words = list[tuple[str, str]]
"""As completion.py has them: the exact text, and what it means."""

SHOWN_WITHIN_S = 0.1
KEPT_S = 10.0
STOPPED_AFTER_S = 2.0
MOST = 2000
MOST_KEPT = 16


class RemoteWords:
    """Of one console; the session is the one in which a line typed now is run, or Tab's own."""

    def __init__(self, sessions: "Sessions") -> None:
        self._sessions = sessions
        self._kept: OrderedDict[tuple[str, str, str, str], tuple[float, Words]] = OrderedDict()
        self._asking = False

    def known(self, session: "Session", kind: Kind, folder: str) -> Words | None:
        """What is known and still fresh; None where the device would have to be asked."""
        kept = self._kept.get(_key(session, kind, folder))
        now = asyncio.get_running_loop().time()
        return kept[1] if kept is not None and now - kept[0] < KEPT_S else None

    async def ask(self, opened: "Opened", kind: Kind, folder: str) -> None:
        """Asks the device, and waits as long as a menu may.

        The question is not the console's: one that closes meanwhile leaves no half a command.
        """
        if self._asking:
            return
        self._asking, answered = True, asyncio.Event()
        self._sessions.soon(self._asked(opened, kind, folder, answered))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHOWN_WITHIN_S):
                await answered.wait()

    async def _asked(
        self, opened: "Opened", kind: Kind, folder: str, answered: asyncio.Event
    ) -> None:
        try:
            session = await opened()
            if session is not None:
                await self._ask(session, kind, folder)
        finally:
            self._asking = False
            answered.set()

    async def _ask(self, session: "Session", kind: Kind, folder: str) -> None:
        line = "processes" if kind == "pids" else f"dir {value(folder)}" if folder else "dir"
        word = find(line.split(" ", 1)[0])
        device = session.device
        if word is None or device is None or not device.online or session.ending:
            return
        try:
            typed = parse(line)
            if session.sessions.permitted(session, typed.command).error is not None:
                return
            typed = dataclasses.replace(typed, text=f"Tab: {line}")
            words = await self._words(kind, folder, await session.execute(typed), session)
        except FirelineError:
            words = []  # the line says it when it is run
        self._keep(_key(session, kind, folder), words)

    async def _words(self, kind: Kind, folder: str, job: Job, session: "Session") -> Words:
        found: Words = []
        try:
            async with asyncio.timeout(STOPPED_AFTER_S):
                async for item in job.items():
                    if isinstance(item, Row):
                        found.append(_word(kind, folder, item))
                    if len(found) >= MOST:
                        break
        except TimeoutError:
            found = []
        finally:
            if job.running:
                session.sessions.soon(_stopped(job))
        return found

    def _keep(self, key: tuple[str, str, str, str], words: Words) -> None:
        self._kept.pop(key, None)
        self._kept[key] = asyncio.get_running_loop().time(), words
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def folder_of(typed: str, windows: bool) -> str:
    """The folder part of a path as far as it is typed, with its separator."""
    ends = [typed.rfind(mark) for mark in ("/", "\\")[: 2 if windows else 1]]
    return typed[: max(ends) + 1]


def _key(session: "Session", kind: Kind, folder: str) -> tuple[str, str, str, str]:
    return session.id, str(session.folder), kind, folder


def _word(kind: Kind, folder: str, row: Row) -> tuple[str, str]:
    if isinstance(row, ProcessRow):
        return str(row.pid), text(row.name) or ""
    assert isinstance(row, FileRow)
    return _path(folder, row.path, row.is_directory), _meaning(row)


def _path(folder: str, path: Name, is_folder: bool) -> str:
    last = text(last_part(path))
    if last is None or raw_form(path) is not None:
        return raw_form(path) or ""
    if not is_folder:
        return folder + last
    return f"{folder}{last}" + ("\\" if "\\" in path and "/" not in folder else "/")


def _meaning(row: FileRow) -> str:
    if row.is_directory:
        return "folder"
    if row.kind != "file" or row.size is None:
        return row.kind
    return "1 byte" if row.size == 1 else f"{row.size:,} bytes"


async def _stopped(job: Job) -> None:
    with contextlib.suppress(FirelineError):
        await job.cancel()
