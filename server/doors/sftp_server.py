"""The read-only SFTP server of one connection: asyncssh's requests, answered from the tree.

A stock client shows only its own words for a status, so a refusal's sentence goes to standard
error as well, once each.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import asyncssh

from commands.language.errors import FirelineError
from commands.language.visible import visible
from server.doors import sftp_answers as answers
from server.doors.channel import ServerChannel
from server.doors.sftp_paths import whole
from server.doors.sftp_tree import OpenFile, Tree

SENTENCES = 100
WRITES = (
    asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
    | asyncssh.FXF_EXCL
)  # fmt: skip


class ReadOnlyServer(asyncssh.SFTPServer):
    """Reads; what would change something is refused in one sentence, its place for later."""

    def __init__(self, channel: ServerChannel, tree: Tree, tell: Callable[[str], None]) -> None:
        super().__init__(channel)
        self._tree, self._tell = tree, tell
        self._told: set[str] = set()
        self.files: set[OpenFile] = set()
        """What is open: whoever ends the connection closes it."""

    # Reading.
    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> OpenFile:
        with self._answered():
            if pflags & WRITES:
                self._refuse()
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
            return whole(path)
        raise AssertionError

    # Writing: the next issue's.
    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        return self._refuse()

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._refuse()

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        self._refuse()

    def remove(self, path: bytes) -> None:
        self._refuse()

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._refuse()

    def rmdir(self, path: bytes) -> None:
        self._refuse()

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._refuse()

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        self._refuse()

    def _file(self, file_obj: object) -> OpenFile:
        """asyncssh gives back what `open` gave it."""
        for file in self.files:
            if file is file_obj:
                return file
        raise asyncssh.SFTPFailure("the file is closed")

    def _refuse(self) -> int:
        self._say(answers.WRITING)
        raise asyncssh.SFTPPermissionDenied(answers.WRITING)

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
