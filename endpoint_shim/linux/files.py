"""Files of a Linux device: the protocol's words, each handed to the module that does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from commands.language.host.files import FileRow
from commands.language.names import Name, from_bytes, to_bytes
from endpoint_shim.linux.accounts import Accounts
from endpoint_shim.linux.batches import in_batches
from endpoint_shim.linux.listing import entered, listing
from endpoint_shim.linux.paths import PathPolicy, joined


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
