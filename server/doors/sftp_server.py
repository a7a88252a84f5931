"""The SFTP server of one connection: asyncssh's requests, answered from the tree.

1. A stock client shows only its own words for a status, so a refusal's sentence goes to standard
   error as well, once each.
2. Nothing is removed and no link is made here: it could not be undone.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import asyncssh

from commands.language.errors import FirelineError
from commands.language.visible import visible
from server.doors import sftp_answers as answers
from server.doors.channel import ServerChannel
from server.doors.sftp_tree import OpenFile, Tree

SENTENCES = 100
REMOVING = "refused: nothing is removed by sftp or scp; on a device use run or shell"
DELETING = "refused: nothing is removed by sftp or scp; library delete NAME takes it out"
LINKING = "refused: no links are made by sftp or scp; use run or shell"


class TreeServer(asyncssh.SFTPServer):
    """What a person may see and change, by path and by open file."""

    def __init__(self, channel: ServerChannel, tree: Tree, tell: Callable[[str], None]) -> None:
        super().__init__(channel)
        self._tree, self._tell = tree, tell
        self._told: set[str] = set()
        self.files: set[OpenFile] = set()
        """What is open: whoever ends the connection closes it."""

    # Reading.
    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> OpenFile:
        with self._answered():
            if wanted := answers.wanted(pflags, attrs):
                self._tell_of_bits(attrs)
                file = await self._tree.open_to_write(path, wanted)
            else:
                file = await self._tree.open(path)
            self.files.add(file)
            return file
        raise AssertionError

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        with self._answered():
            return await self._file(file_obj).read(offset, size)
        raise AssertionError

    async def close(self, file_obj: object) -> None:
        file = self._file(file_obj)
        self.files.discard(file)
        with self._answered():
            await file.close()

    async def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        with self._answered():
            return await self._file(file_obj).attrs()
        raise AssertionError

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        with self._answered():
            return await self._tree.attrs(path, follow=True)
        raise AssertionError

    async def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        with self._answered():
            return await self._tree.attrs(path, follow=False)
        raise AssertionError

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        with self._answered():
            async for name in self._tree.entries(path):
                yield name

    async def readlink(self, path: bytes) -> bytes:
        with self._answered():
            return await self._tree.read_link(path)
        raise AssertionError

    async def realpath(self, path: bytes) -> bytes:
        with self._answered():
            return await self._tree.whole(path)
        raise AssertionError

    # Writing.
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        with self._answered():
            await self._file(file_obj).write(offset, data)
        return len(data)

    async def fsync(self, file_obj: object) -> None:
        with self._answered():
            await self._file(file_obj).sync()

    async def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        with self._answered():
            if facts := self._facts(attrs):
                await self._file(file_obj).set(facts)

    async def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        with self._answered():
            if facts := self._facts(attrs):
                await self._tree.set(path, facts)

    lsetstat = setstat

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        with self._answered():
            self._tell_of_bits(attrs)
            await self._tree.make_folder(path, answers.mode_of(attrs))

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        with self._answered():
            await self._tree.move(oldpath, newpath, replace=False)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        with self._answered():
            await self._tree.move(oldpath, newpath, replace=True)

    # Refused.
    def remove(self, path: bytes) -> None:
        self._refuse(DELETING if path.startswith(b"/library/") else REMOVING)

    def rmdir(self, path: bytes) -> None:
        self._refuse(REMOVING)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        self._refuse(LINKING)

    def _facts(self, attrs: asyncssh.SFTPAttrs) -> answers.Facts | None:
        if attrs.uid is not None or attrs.gid is not None:
            self._refuse("refused: sftp and scp give no file another owner; use run or shell")
        self._tell_of_bits(attrs)
        return answers.facts_of(attrs)

    def _tell_of_bits(self, attrs: asyncssh.SFTPAttrs) -> None:
        if (attrs.permissions or 0) & 0o7000:
            self._say("note: setuid, setgid and sticky bits are left out by sftp and scp")

    def _file(self, file_obj: object) -> OpenFile:
        """asyncssh gives back what `open` gave it."""
        for file in self.files:
            if file is file_obj:
                return file
        raise asyncssh.SFTPFailure("the file is closed")

    def _refuse(self, sentence: str) -> NoReturn:
        self._say(sentence)
        raise asyncssh.SFTPPermissionDenied(sentence)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Errors become the protocol's; a sentence that a person should read is told."""
        try:
            yield
        except ValueError as error:
            raise asyncssh.SFTPFailure(str(error)) from None
        except FirelineError as error:
            answer = answers.status(error)
            if not isinstance(answer, asyncssh.SFTPNoSuchFile):
                self._say(error.shown())
            raise answer from None
        except OSError as error:
            raise answers.status(error) from None

    def _say(self, sentence: str) -> None:
        if sentence not in self._told and len(self._told) < SENTENCES:
            self._told.add(sentence)
            self._tell(visible(sentence))
