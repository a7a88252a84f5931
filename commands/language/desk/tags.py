"""The tags of one device, as the broker keeps them."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Row


class TagRow(Row):
    """One tag of one device."""

    tag: Annotated[str, Column(1, identity=True)]
    state: Annotated[str, Column(2)]
    """set, proposed (by the device: it counts for nothing), or what `tag` just did."""


class TagCountRow(Row):
    """One tag, and how many devices have it."""

    tag: Annotated[str, Column(1, identity=True)]
    devices: Annotated[int, Column(2)]


class Tags(Protocol):
    """What `tag` may do."""

    def rows(self, device: str) -> AsyncIterator[TagRow | TagCountRow]:
        """Those of the device; where none is named, of all devices that may be seen."""
        ...

    async def add(self, device: str, tag: str) -> TagRow: ...

    async def remove(self, device: str, tag: str) -> TagRow: ...
