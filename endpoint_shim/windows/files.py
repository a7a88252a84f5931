"""Files of a Windows device: the protocol's words, each handed to the module that does it."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing

from commands.language.host.files import Archive, FileFactsRow, FileHandle, FileRow, FileWriter
from commands.language.names import Name, from_text, to_units
from endpoint_shim.batches import in_batches, made
from endpoint_shim.new_file import NewFile
from endpoint_shim.plain_file import PlainFile
from endpoint_shim.windows.archive import archive_of
from endpoint_shim.windows.disk import WindowsDisk
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.facts import digest_of, facts_of
from endpoint_shim.windows.listing import entered, listing
from endpoint_shim.windows.paths import file_of, in_words, joined
from endpoint_shim.windows.reading import Opened, open_plain
from endpoint_shim.windows.search import Search
from endpoint_shim.windows.writing import Draft, WritePolicy

assert sys.platform == "win32"


class WindowsFiles:
    """All paths are seen from `folder`; every one is checked by the policy, as asked and real."""

    def __init__(self, folder: Name, policy: WritePolicy) -> None:
        self._folder = folder
        self._policy = policy

    async def absolute(self, path: Name | None) -> Name:
        return from_text(joined(self._folder, path))

    async def enter(self, path: Name) -> Name:
        whole = joined(self._folder, path)
        return from_text(await asyncio.to_thread(entered, whole, self._policy))

    async def list(self, path: Name | None) -> AsyncIterator[FileRow]:
        # `dir link` shows the link; `dir link\` and the folder one stands in are gone into.
        follow = path is None or to_units(path).endswith(("/", "\\"))
        source = listing(joined(self._folder, path), follow, self._policy)
        async with aclosing(in_batches(source)) as rows:
            async for row in rows:
                yield row

    async def find(self, pattern: str, start: Name | None) -> AsyncIterator[FileRow | str]:
        top = None if start is None else joined(self._folder, start)
        search = Search(pattern, top, self._policy)
        async with aclosing(in_batches(search.rows())) as found:
            async for one in found:
                yield one

    async def facts(self, path: Name) -> FileFactsRow:
        whole, stopped = joined(self._folder, path, stream=True), threading.Event()
        try:
            return await asyncio.to_thread(facts_of, whole, self._policy, stopped)
        finally:
            stopped.set()

    async def archive(self, path: Name) -> Archive | None:
        whole = joined(self._folder, path, stream=True)
        if file_of(whole) != whole:
            return None  # a stream, which is a file of its own
        return await asyncio.to_thread(archive_of, whole, self._policy)

    async def open(self, path: Name, *, recall: bool = False) -> FileHandle:
        whole = joined(self._folder, path, stream=True)
        opening = made(lambda: open_plain(whole, self._policy, recall=recall), Opened.close)
        return PlainFile(await opening)

    async def create(self, path: Name) -> FileWriter:
        whole = joined(self._folder, path)
        refuse_network(whole)
        draft = await made(lambda: Draft(whole, self._policy, WindowsDisk()), Draft.close)
        return NewFile(from_text(whole), draft, lambda error: in_words(error, whole))

    async def digest(self, path: Name) -> str | None:
        whole, stopped = joined(self._folder, path), threading.Event()
        try:
            return await asyncio.to_thread(digest_of, whole, self._policy, stopped)
        finally:
            stopped.set()
