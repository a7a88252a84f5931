"""The library, as the person of a session may use it."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.library import LibraryLogRow, LibraryRow, Script
from commands.language.errors import NotUnderstood

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskLibrary:
    """Implements `commands.language.desk.library.Library`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    async def rows(self) -> AsyncIterator[LibraryRow]:
        for row in await self._broker.library.rows():
            yield row

    async def log(self, name: str | None) -> AsyncIterator[LibraryLogRow]:
        for row in await self._broker.library.log(name):
            yield row

    async def read(self, script: Script) -> AsyncGenerator[bytes]:
        async with contextlib.aclosing(self._broker.library.read(script.sha256)) as pieces:
            async for piece in pieces:
                yield piece

    async def resolve(self, name: str) -> Script:
        return await self._broker.library.resolve(name, self._session.person)

    async def add(self, name: str, description: str) -> tuple[LibraryRow, list[str]]:
        self._need_right("add")
        data = self._session.standard_input
        if data is None:
            raise NotUnderstood(
                "library add takes the file's bytes on standard input: "
                "ssh … 'library add NAME' < FILE"
            )
        return await self._broker.library.add(name, description, self._session.person, data)

    async def delete(self, name: str) -> int:
        self._need_right("delete")
        return await self._broker.library.delete(name, self._session.person)

    def _need_right(self, what: str) -> None:
        judged = self._session.sessions.decide_right(self._session, "library", "library:write")
        if judged.error is not None:
            raise judged.error
