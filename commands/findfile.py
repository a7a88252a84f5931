"""`findfile`: files by name, anywhere on the device."""

import datetime
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, NAMED, Command, DeviceCommand, minutes
from commands.language.desk import Desk
from commands.language.errors import FirelineError, NotUnderstood
from commands.language.host import Host
from commands.language.host.files import FileRow
from commands.language.items import Item, Note
from commands.language.names import Name

PIECE = 1 << 20
KINDS = {32: "md5", 40: "sha1", 64: "sha256"}
"""The digests that are told apart by their length in hex."""


class FindFile(DeviceCommand, role=BASIC, rows=FileRow, limit=minutes(30)):
    """Find files and folders by name; rows come while it searches.

    * stands for any text, ? for one character, [ab] for one of them; [[] finds a bracket itself.
    On Windows in any case. Without -path all local file systems are searched; it says which
    others it left out. Links are shown, not followed; each folder is entered once.

    -newer takes a time as tables show it, in UTC: 2026-11-24 or '2026-11-24 14:03:11Z'.
    -hash reads every plain file of that name, and shows those that have this digest.
    """

    name: Annotated[str, "name or glob, without folders"]
    path: Annotated[Name | None, "folder to start in", NAMED] = None
    hash: Annotated[str | None, "only files with this MD5, SHA-1 or SHA-256", NAMED] = None
    newer: Annotated[str | None, "only what was modified after this time", NAMED] = None

    async def prepare(self, desk: Desk) -> Command:
        self._kind()
        self._after()
        return self

    async def run(self, host: Host) -> AsyncIterator[Item]:
        kind, after, unread = self._kind(), self._after(), 0
        async for found in host.files.find(self.name, self.path):
            if isinstance(found, str):
                yield Note(found)
                continue
            if after is not None and (found.modified is None or found.modified <= after):
                continue
            if kind is not None:
                if found.kind != "file":
                    continue
                try:
                    digest = await _digest(host, found.path, kind)
                except FirelineError:
                    unread += 1
                    continue
                if digest != (self.hash or "").lower():
                    continue
            yield found
        if unread:
            files = "1 file" if unread == 1 else f"{unread:,} files"
            yield Note(f"{files} could not be read, and were not compared")

    def _kind(self) -> str | None:
        if self.hash is None:
            return None
        kind = KINDS.get(len(self.hash))
        if kind is None or not re.fullmatch("[0-9a-fA-F]+", self.hash):
            raise NotUnderstood("findfile -hash takes an MD5, SHA-1 or SHA-256 in hex, whole")
        return kind

    def _after(self) -> int | None:
        """Milliseconds since 1970."""
        if self.newer is None:
            return None
        try:
            moment = datetime.datetime.fromisoformat(self.newer)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=datetime.UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise NotUnderstood(
                "findfile -newer takes a time such as 2026-11-24 or '2026-11-24 14:03:11Z'"
            ) from None


async def _digest(host: Host, path: Name, kind: str) -> str:
    handle = await host.files.open(path)
    try:
        digest, at = hashlib.new(kind, usedforsecurity=False), 0
        while piece := await handle.read(at, PIECE):
            digest.update(piece)
            at += len(piece)
        return digest.hexdigest()
    finally:
        await handle.close()
