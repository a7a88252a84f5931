"""A folder's names made durable for many at once.

Who comes while an fsync runs waits for the next one, with all who come meanwhile.
"""

import asyncio
from pathlib import Path

from server.audit.folders import sync_folder


class FolderSync:
    """Of one folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def sync(self) -> None:
        """Returns when every name that is there now is on the disk; raises OSError."""
        await asyncio.shield(self.begun())

    def begun(self) -> "asyncio.Task[None]":
        """The same, begun now; it is many's, and not to be cancelled."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        return self._next

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait({before})
        # From here on a new name may come too late for this one.
        self._running, self._next = self._next, None
        await asyncio.to_thread(sync_folder, self._path)


class NewName:
    """A name in such a folder: made durable from now on, waited for when it has to be."""

    def __init__(self, folder: FolderSync) -> None:
        self._folder = folder
        self._begun: asyncio.Task[None] | None = folder.begun()

    async def durable(self) -> None:
        """Raises OSError; who asks after that has it tried again."""
        begun = self._begun = self._begun or self._folder.begun()
        try:
            await asyncio.shield(begun)
        except OSError:
            if self._begun is begun:
                self._begun = None
            raise
