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
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        await asyncio.shield(self._next)

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait({before})
        # From here on a new name may come too late for this one.
        self._running, self._next = self._next, None
        await asyncio.to_thread(sync_folder, self._path)
