"""Taking by the old scp protocol (`scp -t`): files and folders of the client, into the tree.

A file whose client goes before it has sent all of it is dropped.
"""

import asyncssh

from commands.language.visible import visible
from server.doors import scp_lines
from server.doors import sftp_answers as answers
from server.doors.overlap import Overlap
from server.doors.scp_channel import DEEPEST, FATAL, OK, PIECE, WARNING, WRONG, Over, ScpChannel
from server.doors.scp_lines import Entry
from server.doors.sftp_tree import OpenFile
from server.live.device_files import Wanted


class ScpSink(ScpChannel):
    """`take_all` takes what comes."""

    async def take_all(self, path: bytes) -> None:
        if self.asked.folder and await self.kind(path) != asyncssh.FILEXFER_TYPE_DIRECTORY:
            self.fail(FATAL, f"{visible(path.decode('utf-8', 'replace'))} is no folder")
            return
        await self._take(path, 0)

    async def _take(self, path: bytes, depth: int) -> None:
        """Entries into the folder `path`, or one to be called so, until their end."""
        times: tuple[int, int] | None = None
        into = await self.kind(path) == asyncssh.FILEXFER_TYPE_DIRECTORY
        self.client.write(OK)
        while line := await self.line():
            if line[:1] in (WARNING, FATAL):
                self.errors += 1
                if line[:1] == FATAL:
                    raise Over
            elif line[:1] == b"E" and depth:
                self.client.write(OK)
                return
            elif line[:1] == b"T":
                times = self.parsed(scp_lines.times, line)
                self.client.write(OK)
            elif line[:1] in (b"C", b"D"):
                entry = self.parsed(scp_lines.entry, line)
                place = path.rstrip(b"/") + b"/" + entry.name if into else path
                take = self._take_folder if entry.is_folder else self._take_file
                await take(place, entry, times if self.asked.times else None, depth)
                times = None
            else:
                self.fail(FATAL, "this is no line of scp's")
                raise Over

    async def _take_folder(
        self, path: bytes, entry: Entry, times: tuple[int, int] | None, depth: int
    ) -> None:
        try:
            if not self.asked.recursive or depth == DEEPEST:
                raise ValueError("a folder came where none was to come")
            is_new = await self.kind(path) is None
            if is_new:
                await self.tree.make_folder(path, entry.mode | 0o700)
        except WRONG as error:
            self.say(error, path)
            return
        await self._take(path, depth + 1)
        if is_new:
            try:
                await self.tree.set(path, answers.Facts(None, entry.mode, times))
            except WRONG as error:
                self.say(error, path)

    async def _take_file(
        self, path: bytes, entry: Entry, times: tuple[int, int] | None, depth: int
    ) -> None:
        wanted = Wanted(
            create=True, exclusive=False, truncate=True, append=False, read=False, mode=entry.mode
        )
        try:
            file = await self.tree.open_to_write(path, wanted)
        except WRONG as error:
            self.say(error, path)
            return
        try:
            self.client.write(OK)
            wrong = await self._take_bytes(file, entry.size)
            if not await self.answer():
                return  # its sender says that it is not whole
            try:
                if wrong is not None:
                    raise wrong
                if times is not None:
                    await file.set(answers.Facts(None, entry.mode, times))
                await file.close()
            except WRONG as error:
                self.say(error, path)
                return
            self.client.write(OK)
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
                data = await self.some(min(PIECE, size - at))
                if not wrong:
                    await overlap.begin(write(at, data), len(data))
                at += len(data)
            await overlap.rest()
        finally:
            await overlap.stop()
        return wrong[0] if wrong else None
