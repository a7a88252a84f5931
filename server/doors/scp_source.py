"""Sending by the old scp protocol (`scp -f`): files and folders of the tree, to the client."""

import fnmatch
import stat
from collections.abc import AsyncIterator

import asyncssh

from server.doors import scp_lines
from server.doors import sftp_answers as answers
from server.doors.scp_channel import DEEPEST, OK, PIECE, WRONG, ScpChannel
from server.doors.scp_lines import Entry
from server.doors.sftp_tree import OpenFile


class ScpSource(ScpChannel):
    """`send_all` sends what was asked for."""

    async def send_all(self) -> None:
        await self.answer()
        for typed in self.asked.paths:
            try:
                async for path in self._meant(typed.encode()):
                    await self._send(path, 0)
            except WRONG as error:
                self.say(error)

    async def _meant(self, path: bytes) -> AsyncIterator[bytes]:
        """What a path means: what it says, or else what its last name stands for as a pattern."""
        folder, _, pattern = path.rpartition(b"/")
        if (
            not any(mark in pattern for mark in (b"*", b"?", b"["))
            or await self.kind(path) is not None
        ):
            yield path
            return
        found = [
            name.filename
            async for name in self.tree.entries(folder or b"/")
            if isinstance(name.filename, bytes) and name.filename not in (b".", b"..")
        ]
        matching = [
            name for name in sorted(found) if fnmatch.fnmatchcase(_chars(name), _chars(pattern))
        ]
        if not matching:
            raise answers.no_such_file()
        for name in matching:
            yield folder + b"/" + name

    async def _send(self, path: bytes, depth: int) -> None:
        try:
            attrs = await self.tree.attrs(path, follow=True)
            if attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                await self._send_folder(path, attrs, depth)
            else:
                await self._send_file(path)
        except WRONG as error:
            self.say(error, path)

    async def _send_folder(self, path: bytes, attrs: asyncssh.SFTPAttrs, depth: int) -> None:
        if not self.asked.recursive:
            raise ValueError("it is a folder; -r copies it")
        if depth == DEEPEST:
            raise ValueError(f"folders are copied {DEEPEST} deep; a link may lead back")
        if not await self._told(path, attrs, is_folder=True, size=0):
            return
        try:
            async for entry in self.tree.entries(path):
                if entry.filename not in (b".", b".."):
                    assert isinstance(entry.filename, bytes)
                    await self._send(path.rstrip(b"/") + b"/" + entry.filename, depth + 1)
        except WRONG as error:
            self.say(error, path)
        self.client.write(b"E\n")
        await self.answer()

    async def _send_file(self, path: bytes) -> None:
        file = await self.tree.open(path)
        try:
            attrs = await file.attrs()
            size = attrs.size or 0
            if await self._told(path, attrs, is_folder=False, size=size):
                await self._send_bytes(path, file, size)
        finally:
            await file.drop()

    async def _send_bytes(self, path: bytes, file: OpenFile, size: int) -> None:
        """Exactly so many, as the line before has said; zeros, and a line, for what is missing."""
        at = 0
        wrong: Exception | None = None
        while at < size:
            length = min(PIECE, size - at)
            data = b""
            if wrong is None:
                try:
                    data = await file.read(at, length)
                    if not data:
                        wrong = ValueError("it became shorter while it was copied")
                except WRONG as error:
                    wrong = error
            data = data or bytes(length)
            await self.client.drain()
            self.client.write(data)
            at += len(data)
        if wrong is None:
            self.client.write(OK)
        else:
            self.say(wrong, path)
        await self.answer()

    async def _told(
        self, path: bytes, attrs: asyncssh.SFTPAttrs, *, is_folder: bool, size: int
    ) -> bool:
        """Says what comes; whether the client takes it."""
        name = path.rstrip(b"/").rpartition(b"/")[2]
        mode = stat.S_IMODE(attrs.permissions or 0)
        line = scp_lines.entry_line(Entry(is_folder, mode, size, name))
        if self.asked.times:
            self.client.write(scp_lines.times_line(attrs.atime or 0, attrs.mtime or 0))
            if not await self.answer():
                return False
        self.client.write(line)
        return await self.answer()


def _chars(name: bytes) -> str:
    """One character a byte, for a pattern."""
    return name.decode("latin-1")
