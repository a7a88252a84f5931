"""A file that is being made, as a command holds it: every step in a thread, one at a time."""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from commands.language.errors import Failed, FirelineError, Refused
from commands.language.names import Name, shown

PIECE = 1024 * 1024


class Draft(Protocol):
    """The blocking half, each platform's own: there whole after `finish`, or not at all.

    All raise OSError; `finish` raises FileExistsError where the name is taken.
    """

    def write(self, data: bytes) -> None: ...
    def finish(self, overwrite: bool) -> None: ...

    def close(self) -> None:
        """Lets go; what was not finished is gone."""
        ...


class NewFile:
    """The protocol's FileWriter.

    One piece is written while the next is gathered; an error is told with the next step.
    """

    def __init__(
        self, path: Name, draft: Draft, in_words: Callable[[OSError], FirelineError]
    ) -> None:
        self._path = path
        self._in_words = in_words
        self._draft: Draft | None = draft
        self._lock = threading.Lock()
        self._kept: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        self._kept.append(data)
        self._size += len(data)
        if self._size >= PIECE:
            await self._written()
            whole, self._kept, self._size = self._kept, [], 0
            loop = asyncio.get_running_loop()
            self._writing = loop.run_in_executor(None, self._write, whole)

    async def finish(self, *, overwrite: bool) -> Name:
        await self._written()
        await asyncio.to_thread(self._finish, self._kept, overwrite)
        return self._path

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def abandon(self) -> None:
        # Shielded: a cancel must not leave the half-made file; a thread inside is waited for.
        if self._writing is not None:
            self._writing.add_done_callback(_seen)
        await asyncio.shield(asyncio.to_thread(self._close))

    def _write(self, pieces: list[bytes]) -> None:
        with self._lock:
            try:
                for piece in pieces:
                    self._open().write(piece)
            except OSError as error:
                raise self._in_words(error) from error

    def _finish(self, rest: list[bytes], overwrite: bool) -> None:
        self._write(rest)
        with self._lock:
            try:
                self._open().finish(overwrite)
            except FileExistsError as error:
                raise Refused(
                    f"{shown(self._path)} exists; it is replaced only when asked (-overwrite)"
                ) from error
            except OSError as error:
                raise self._in_words(error) from error
        self._close()

    def _open(self) -> Draft:
        if self._draft is None:
            raise Failed(f"{shown(self._path)} was given up already")
        return self._draft

    def _close(self) -> None:
        with self._lock:
            if self._draft is not None:
                self._draft.close()
                self._draft = None


def _seen(writing: asyncio.Future[None]) -> None:
    """What became of a piece of a file that is given up is nobody's."""
    if not writing.cancelled():
        writing.exception()
