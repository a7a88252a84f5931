"""`COMMAND > NAME`: what a command gave, rendered whole, as a file of the session's evidence."""

import asyncio
import hashlib
import re

from commands.language import items, names
from commands.language.errors import NotUnderstood
from commands.language.names import Name
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
    into = items.Into("file", Name(name))
    incoming = Incoming(journal, job.number, into, name, LIMIT, None)
    drained = asyncio.Event()
    incoming.on_drained = drained.set
    digest, size = hashlib.sha256(), 0
    renderer = Renderer.of(job.command, job.options, Style(terminal=False), job.number, job.device)
    async for item in job.items():
        data = renderer.item(item).out
        digest.update(data)
        size += len(data)
        if data and not incoming.feed(data):
            drained.clear()
            await drained.wait()
    await job.wait()
    last = renderer.end(job.error, job.took).out
    digest.update(last)
    size += len(last)
    if last:
        incoming.feed(last)
    incoming.expected = items.Taken(size, digest.hexdigest())
    taken = await incoming.take()
    return (
        f"{names.shown(Name(taken.name))} kept: {taken.bytes:,} bytes, sha256 {taken.sha256}, "
        f"#{job.number}\nsftp   /evidence/{journal.id}/{taken.name}"
    )
