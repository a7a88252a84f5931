"""`COMMAND > NAME`: what a command gave, rendered whole, as a file of the session's evidence."""

import asyncio
import hashlib
import re

from commands.language import items, names
from commands.language.errors import NotUnderstood
from commands.language.names import Name
from server.audit.records import FileTaken
from server.audit.session import SessionJournal
from server.evidence.incoming import Incoming
from server.live.job import Job
from server.live.render import Renderer, Style

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@,() -]{0,119}")
LIMIT = 1 << 40


async def keep(journal: SessionJournal, job: Job) -> str:
    """Writes it as it comes; a sentence with name, size and digest."""
    name = job.options.keep or ""
    if not NAME.fullmatch(name) or name.endswith(".partial"):
        raise NotUnderstood("> takes a plain NAME: letters, digits, . _ - and blanks, no folders")
    taken, left_out = await _kept(journal, job, name)
    beside = ""
    if left_out:
        beside = (
            f"\nits standard error is not in there: status {job.number} has both while the "
            "session lasts"
        )
    if taken is None:
        return f"nothing is kept as {name}: {job.spec.word} gave nothing, #{job.number}{beside}"
    return (
        f"{names.shown(Name(taken.name))} kept: {taken.bytes:,} bytes, sha256 {taken.sha256}, "
        f"#{job.number}\nsftp   /evidence/{journal.id}/{taken.name}{beside}"
    )


async def keep_taken(journal: SessionJournal, job: Job) -> FileTaken | None:
    """The same, as a file; None where it gave nothing."""
    return (await _kept(journal, job, job.options.keep or ""))[0]


async def _kept(journal: SessionJournal, job: Job, name: str) -> tuple[FileTaken | None, bool]:
    """The file, and whether something of the output is not in it."""
    file = _File(journal, job, name)
    renderer = Renderer.of(job.command, job.options, Style(terminal=False), job.number, job.device)
    left_out = False
    async for item in job.items():
        shown = renderer.item(item)
        await file.add(shown.out)
        left_out = left_out or (isinstance(item, bytes) and bool(shown.err))
    await job.wait()
    last = renderer.end(job.error, job.took, exit_code=job.exit_code).out
    gave = file.incoming is not None or bool(last and (job.rows or job.bytes))
    if job.error is not None and not gave:
        return None, left_out
    await file.add(last)
    return await file.take(), left_out


class _File:
    """The evidence that it becomes; made by its first byte, or by an end that is good."""

    def __init__(self, journal: SessionJournal, job: Job, name: str) -> None:
        self.incoming: Incoming | None = None
        self._journal, self._job, self._name = journal, job, name
        self._digest, self._size = hashlib.sha256(), 0
        self._drained = asyncio.Event()

    async def add(self, data: bytes) -> None:
        if not data:
            return
        self._digest.update(data)
        self._size += len(data)
        if not self._open().feed(data):
            self._drained.clear()
            await self._drained.wait()

    async def take(self) -> FileTaken:
        incoming = self._open()
        incoming.expected = items.Taken(self._size, self._digest.hexdigest())
        return await incoming.take()

    def _open(self) -> Incoming:
        if self.incoming is None:
            into = items.Into("file", Name(self._name))
            self.incoming = Incoming(self._journal, self._job.number, into, self._name, LIMIT, None)
            self.incoming.on_drained = self._drained.set
        return self.incoming
