"""The old scp protocol (`scp -O`): this end of a copy, on the tree that SFTP has too.

1. What goes wrong with one file is a line to the client, which counts it, and the next one follows;
   the exit status here says the same.
2. A file whose client goes before it has sent all of it is dropped.
"""

import fnmatch
import stat
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import asyncssh

from commands.language.errors import FirelineError
from commands.language.visible import visible
from server.doors import scp_lines
from server.doors import sftp_answers as answers
from server.doors.client import Client, Stdin
from server.doors.overlap import Overlap
from server.doors.scp_lines import Asked, Entry
from server.doors.sftp_tree import OpenFile, Tree
from server.live.device_files import Wanted

PIECE = 256 * 1024
DEEPEST = 64
OK, WARNING, FATAL = b"\0", b"\1", b"\2"
WRONG = (FirelineError, asyncssh.SFTPError, OSError, ValueError)


Parsed = TypeVar("Parsed")


class Over(Exception):
    """The client said that it cannot go on, or went."""


class Scp:
    """One copy, in either direction; `run` gives its exit status."""

    def __init__(self, client: Client, stdin: Stdin, tree: Tree, asked: Asked) -> None:
        self._client, self._stdin, self._tree, self._asked = client, stdin, tree, asked
        self._buffer = bytearray()
        self._errors = 0

    async def run(self) -> int:
        try:
            if self._asked.source:
                await self._send_all()
            else:
                await self._take_all(self._asked.paths[0].encode())
        except Over:
            return 1
        except WRONG as error:
            self._say(error)
        return 1 if self._errors else 0

    # Sending.
    async def _send_all(self) -> None:
        await self._answer()
        for typed in self._asked.paths:
            try:
                async for path in self._meant(typed.encode()):
                    await self._send(path, 0)
            except WRONG as error:
                self._say(error)

    async def _meant(self, path: bytes) -> AsyncIterator[bytes]:
        """What a path means: what it says, or else what its last name stands for as a pattern."""
        folder, _, pattern = path.rpartition(b"/")
        if (
            not any(mark in pattern for mark in (b"*", b"?", b"["))
            or await self._kind(path) is not None
        ):
            yield path
            return
        found = [
            name.filename
            async for name in self._tree.entries(folder or b"/")
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
            attrs = await self._tree.attrs(path, follow=True)
            if attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                await self._send_folder(path, attrs, depth)
            else:
                await self._send_file(path)
        except WRONG as error:
            self._say(error, path)

    async def _send_folder(self, path: bytes, attrs: asyncssh.SFTPAttrs, depth: int) -> None:
        if not self._asked.recursive:
            raise ValueError("it is a folder; -r copies it")
        if depth == DEEPEST:
            raise ValueError(f"folders are copied {DEEPEST} deep; a link may lead back")
        if not await self._told(path, attrs, is_folder=True, size=0):
            return
        try:
            async for entry in self._tree.entries(path):
                if entry.filename not in (b".", b".."):
                    assert isinstance(entry.filename, bytes)
                    await self._send(path.rstrip(b"/") + b"/" + entry.filename, depth + 1)
        except WRONG as error:
            self._say(error, path)
        self._client.write(b"E\n")
        await self._answer()

    async def _send_file(self, path: bytes) -> None:
        file = await self._tree.open(path)
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
            await self._client.drain()
            self._client.write(data)
            at += len(data)
        if wrong is None:
            self._client.write(OK)
        else:
            self._say(wrong, path)
        await self._answer()

    async def _told(
        self, path: bytes, attrs: asyncssh.SFTPAttrs, *, is_folder: bool, size: int
    ) -> bool:
        """Says what comes; whether the client takes it."""
        name = path.rstrip(b"/").rpartition(b"/")[2]
        mode = stat.S_IMODE(attrs.permissions or 0)
        line = scp_lines.entry_line(Entry(is_folder, mode, size, name))
        if self._asked.times:
            self._client.write(scp_lines.times_line(attrs.atime or 0, attrs.mtime or 0))
            if not await self._answer():
                return False
        self._client.write(line)
        return await self._answer()

    # Taking.
    async def _take_all(self, path: bytes) -> None:
        if self._asked.folder and await self._kind(path) != asyncssh.FILEXFER_TYPE_DIRECTORY:
            self._fail(FATAL, f"{visible(path.decode('utf-8', 'replace'))} is no folder")
            return
        await self._take(path, 0)

    async def _take(self, path: bytes, depth: int) -> None:
        """Entries into the folder `path`, or one to be called so, until their end."""
        times: tuple[int, int] | None = None
        into = await self._kind(path) == asyncssh.FILEXFER_TYPE_DIRECTORY
        self._client.write(OK)
        while line := await self._line():
            if line[:1] in (WARNING, FATAL):
                self._errors += 1
                if line[:1] == FATAL:
                    raise Over
            elif line[:1] == b"E" and depth:
                self._client.write(OK)
                return
            elif line[:1] == b"T":
                times = self._parsed(scp_lines.times, line)
                self._client.write(OK)
            elif line[:1] in (b"C", b"D"):
                entry = self._parsed(scp_lines.entry, line)
                place = path.rstrip(b"/") + b"/" + entry.name if into else path
                take = self._take_folder if entry.is_folder else self._take_file
                await take(place, entry, times if self._asked.times else None, depth)
                times = None
            else:
                self._fail(FATAL, "this is no line of scp's")
                raise Over

    async def _take_folder(
        self, path: bytes, entry: Entry, times: tuple[int, int] | None, depth: int
    ) -> None:
        try:
            if not self._asked.recursive or depth == DEEPEST:
                raise ValueError("a folder came where none was to come")
            is_new = await self._kind(path) is None
            if is_new:
                await self._tree.make_folder(path, entry.mode | 0o700)
        except WRONG as error:
            self._say(error, path)
            return
        await self._take(path, depth + 1)
        if is_new:
            try:
                await self._tree.set(path, answers.Facts(None, entry.mode, times))
            except WRONG as error:
                self._say(error, path)

    async def _take_file(
        self, path: bytes, entry: Entry, times: tuple[int, int] | None, depth: int
    ) -> None:
        wanted = Wanted(
            create=True, exclusive=False, truncate=True, append=False, read=False, mode=entry.mode
        )
        try:
            file = await self._tree.open_to_write(path, wanted)
        except WRONG as error:
            self._say(error, path)
            return
        try:
            self._client.write(OK)
            wrong = await self._take_bytes(file, entry.size)
            if not await self._answer():
                return  # its sender says that it is not whole
            try:
                if wrong is not None:
                    raise wrong
                if times is not None:
                    await file.set(answers.Facts(None, entry.mode, times))
                await file.close()
            except WRONG as error:
                self._say(error, path)
                return
            self._client.write(OK)
        finally:
            await file.drop()

    async def _take_bytes(self, file: OpenFile, size: int) -> Exception | None:
        """All that was announced is taken, whatever becomes of it; what went wrong first."""
        wrong: list[Exception] = []

        async def write(at: int, data: bytes) -> None:
            try:
                await file.write(at, data)
            except WRONG as error:
                wrong.append(error)

        overlap, at = Overlap(), 0
        try:
            while at < size:
                data = await self._some(min(PIECE, size - at))
                if not wrong:
                    await overlap.begin(write(at, data), len(data))
                at += len(data)
            await overlap.rest()
        finally:
            await overlap.stop()
        return wrong[0] if wrong else None

    # Both.
    async def _kind(self, path: bytes) -> int | None:
        try:
            return (await self._tree.attrs(path, follow=True)).type
        except asyncssh.SFTPNoSuchFile:
            return None
        except (FirelineError, OSError) as error:
            if isinstance(answers.status(error), asyncssh.SFTPNoSuchFile):
                return None
            raise

    async def _answer(self) -> bool:
        """Whether the client says that it is well."""
        kind = await self._some(1)
        if kind == OK:
            return True
        await self._line()
        self._errors += 1
        if kind != WARNING:
            raise Over
        return False

    async def _line(self) -> bytes:
        """The next line without its end; none where the client has nothing more."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > scp_lines.LONGEST:
                raise Over
            data = await self._stdin.read()
            if not data:
                if self._buffer:
                    raise Over
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return bytes(line)

    async def _some(self, most: int) -> bytes:
        while not self._buffer:
            data = await self._stdin.read()
            if not data:
                raise Over
            self._buffer += data
        data = bytes(self._buffer[:most])
        del self._buffer[:most]
        return data

    def _parsed(self, parse: Callable[[bytes], Parsed], line: bytes) -> Parsed:
        """What nobody understands ends the copy: nobody knows what follows it."""
        try:
            return parse(line)
        except ValueError as error:
            self._fail(FATAL, str(error))
            raise Over from None

    def _say(self, error: Exception, path: bytes = b"") -> None:
        words = str(error)
        if isinstance(error, FirelineError):
            words = error.shown()
        elif isinstance(error, asyncssh.SFTPError):
            words = error.reason
        elif isinstance(error, OSError):
            words = error.strerror or words
        where = f"{visible(path.decode('utf-8', 'replace'))}: " if path else ""
        self._fail(WARNING, where + words)

    def _fail(self, how: bytes, words: str) -> None:
        self._errors += 1
        self._client.write(how + b"scp: " + visible(words)[:1000].encode() + b"\n")


def _chars(name: bytes) -> str:
    """One character a byte, for a pattern."""
    return name.decode("latin-1")
