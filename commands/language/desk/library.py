"""Scripts and tools that responders run, by name, version and digest."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Protocol

import msgspec

from commands.language.items import Column, Digest, Integer, Row, Time


class LibraryRow(Row):
    """One version of a library file."""

    name: Annotated[str, Column(1, identity=True)]
    version: Annotated[Integer, Column(1)]
    size: Annotated[Integer, Column(3, size=True)]
    platform: Annotated[str, Column(3)] = ""
    changes: Annotated[bool | None, Column(4)] = None
    description: Annotated[str, Column(2, elastic=True)] = ""
    added_by: Annotated[str, Column(3)] = ""
    added: Annotated[Time | None, Column(4)] = None
    sha256: Annotated[str, Column(wide=True)] = ""
    parameters: Annotated[str, Column(wide=True)] = ""


class LibraryLogRow(Row):
    """Something that happened to a library file."""

    at: Annotated[Time, Column(2)]
    name: Annotated[str, Column(1, identity=True)]
    version: Annotated[Integer | None, Column(1)] = None
    what: Annotated[str, Column(1)] = ""
    by: Annotated[str, Column(2)] = ""
    runs: Annotated[Integer | None, Column(3)] = None
    """How often this version was run since, by anybody."""
    last_run: Annotated[Time | None, Column(3)] = None
    sha256: Annotated[str, Column(wide=True)] = ""


class Script(msgspec.Struct, frozen=True):
    """What a library name means now."""

    name: str
    version: int
    size: int
    sha256: Digest
    added_by: str
    changed_since_last_run: bool
    success_codes: tuple[int, ...] = (0,)
    platform: str = ""


class Library(Protocol):
    """The shared library."""

    def rows(self) -> AsyncIterator[LibraryRow]: ...

    def log(self, name: str | None) -> AsyncIterator[LibraryLogRow]:
        """What was added, described and deleted, oldest first; of one name or of all."""
        ...

    def read(self, script: Script) -> AsyncGenerator[bytes]:
        """The bytes of that version; Failed where they are damaged or gone."""
        ...

    async def resolve(self, name: str) -> Script:
        """`NAME` or `NAME@VERSION`, whatever the case; raises Failed with the nearest name."""
        ...

    async def add(self, name: str, description: str) -> tuple[LibraryRow, list[str]]:
        """Adds the bytes on standard input; the new version, and what was noticed about them."""
        ...

    async def delete(self, name: str) -> int:
        """Takes the name out of the library; how many versions it had. Their bytes stay for the
        records that name them."""
        ...
