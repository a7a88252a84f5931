"""Files of a Linux device: the protocol's words, each handed to the module that does it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing

from commands.language.host.files import Archive, FileFactsRow, FileHandle, FileRow, FileWriter
from commands.language.names import Name, from_bytes, to_bytes
from endpoint_shim.batches import in_batches, made
from endpoint_shim.linux.accounts import Accounts
from endpoint_shim.linux.archive import archive_of
from endpoint_shim.linux.facts import digest_of, facts_of
from endpoint_shim.linux.listing import entered, listing
from endpoint_shim.linux.paths import PathPolicy, in_words, joined
from endpoint_shim.linux.reading import Opened, open_plain
from endpoint_shim.linux.search import Search
from endpoint_shim.linux.writing import Draft
from endpoint_shim.new_file import NewFile
from endpoint_shim.plain_file import PlainFile


class LinuxFiles:
    """All paths are seen from `folder`; every one is checked by the policy, as asked and real."""

    def __init__(self, folder: Name, policy: PathPolicy, accounts: Accounts | None = None) -> None:
        self._folder = folder
        self._policy = policy
        self._accounts = accounts or Accounts()

    async def absolute(self, path: Name | None) -> Name:
        return from_bytes(joined(self._folder, path))

    async def enter(self, path: Name) -> Name:
        whole = joined(self._folder, path)
        return from_bytes(await asyncio.to_thread(entered, whole, self._policy))

    async def list(self, path: Name | None) -> AsyncIterator[FileRow]:
        # `dir link` shows the link; `dir link/` and the folder one stands in are gone into.
        follow = path is None or to_bytes(path).endswith(b"/")
        source = listing(joined(self._folder, path), follow, self._policy)
        async with aclosing(in_batches(source)) as rows:
            async for row in rows:
                yield row

    async def find(self, pattern: str, start: Name | None) -> AsyncIterator[FileRow | str]:
        top = b"/" if start is None else joined(self._folder, start)
        search = Search(pattern, top, self._policy)
        async with aclosing(in_batches(search.rows())) as found:
            async for one in found:
                yield one

    async def facts(self, path: Name) -> FileFactsRow:
        whole, stopped = joined(self._folder, path), threading.Event()
        try:
            row, facts = await asyncio.to_thread(facts_of, whole, self._policy, stopped)
        finally:
            stopped.set()
        row.owner = await self._accounts.user(facts.uid)
        row.group = await self._accounts.group(facts.gid)
        return row

    async def open(self, path: Name, *, recall: bool = False) -> FileHandle:
        whole = joined(self._folder, path)
        opened = await made(lambda: open_plain(whole, self._policy), Opened.close)
        return PlainFile(opened)

    async def archive(self, path: Name) -> Archive | None:
        whole = joined(self._folder, path)
        return await asyncio.to_thread(archive_of, whole, self._policy)

    async def create(self, path: Name) -> FileWriter:
        whole = joined(self._folder, path)
        draft = await made(lambda: Draft(whole, self._policy), Draft.close)
        return NewFile(from_bytes(whole), draft, lambda error: in_words(error, whole))

    async def digest(self, path: Name) -> str | None:
        whole, stopped = joined(self._folder, path), threading.Event()
        try:
            return await asyncio.to_thread(digest_of, whole, self._policy, stopped)
        finally:
            stopped.set()
