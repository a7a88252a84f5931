"""One end of a copy by the old scp protocol: what both directions say and read.

What goes wrong with one file is a line to the client, which counts it, and the next one follows;
the exit status here says the same.
"""

from collections.abc import Callable
from typing import TypeVar

import asyncssh

from commands.language.errors import FirelineError
from commands.language.visible import visible
from server.doors import scp_lines
from server.doors import sftp_answers as answers
from server.doors.client import Client, Stdin
from server.doors.scp_lines import Asked
from server.doors.sftp_tree import Tree

PIECE = 256 * 1024
DEEPEST = 64
OK, WARNING, FATAL = b"\0", b"\1", b"\2"
WRONG = (FirelineError, asyncssh.SFTPError, OSError, ValueError)
Parsed = TypeVar("Parsed")


class Over(Exception):
    """The client said that it cannot go on, or went."""


class ScpChannel:
    """The client at the other end, and how many things went wrong."""

    def __init__(self, client: Client, stdin: Stdin, tree: Tree, asked: Asked) -> None:
        self.client, self._stdin, self.tree, self.asked = client, stdin, tree, asked
        self._buffer = bytearray()
        self.errors = 0

    async def kind(self, path: bytes) -> int | None:
        try:
            return (await self.tree.attrs(path, follow=True)).type
        except asyncssh.SFTPNoSuchFile:
            return None
        except (FirelineError, OSError) as error:
            if isinstance(answers.status(error), asyncssh.SFTPNoSuchFile):
                return None
            raise

    async def answer(self) -> bool:
        """Whether the client says that it is well."""
        kind = await self.some(1)
        if kind == OK:
            return True
        await self.line()
        self.errors += 1
        if kind != WARNING:
            raise Over
        return False

    async def line(self) -> bytes:
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

    async def some(self, most: int) -> bytes:
        while not self._buffer:
            data = await self._stdin.read()
            if not data:
                raise Over
            self._buffer += data
        data = bytes(self._buffer[:most])
        del self._buffer[:most]
        return data

    def parsed(self, parse: Callable[[bytes], Parsed], line: bytes) -> Parsed:
        """What nobody understands ends the copy: nobody knows what follows it."""
        try:
            return parse(line)
        except ValueError as error:
            self.fail(FATAL, str(error))
            raise Over from None

    def say(self, error: Exception, path: bytes = b"") -> None:
        words = str(error)
        if isinstance(error, FirelineError):
            words = error.shown()
        elif isinstance(error, asyncssh.SFTPError):
            words = error.reason
        elif isinstance(error, OSError):
            words = error.strerror or words
        where = f"{visible(path.decode('utf-8', 'replace'))}: " if path else ""
        self.fail(WARNING, where + words)

    def fail(self, how: bytes, words: str) -> None:
        self.errors += 1
        self.client.write(how + b"scp: " + visible(words)[:1000].encode() + b"\n")
