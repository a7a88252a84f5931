"""Devices as the broker knows them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from commands.language.items import Column, Row, Time


class DeviceRow(Row):
    """One device of the inventory."""

    name: Annotated[str, Column(1, identity=True)]
    platform: Annotated[str, Column(3, elastic=True)] = ""
    version: Annotated[str, Column(4)] = ""
    tags: Annotated[str, Column(3)] = ""
    last_seen: Annotated[Time | None, Column(4)] = None
    online: Annotated[bool, Column(2)] = False
    isolated: Annotated[bool, Column(2)] = False
    restricted: Annotated[bool, Column(3)] = False
    sessions: Annotated[str, Column(2)] = ""
    clock_offset_s: Annotated[float | None, Column(wide=True)] = None
    proposed: Annotated[str, Column(wide=True)] = ""
    """Tags that the device would like to have; nothing selects by them."""
    host: Annotated[str, Column(wide=True)] = ""
    """What it calls itself."""
    address: Annotated[str, Column(wide=True)] = ""
    weaker_stop: Annotated[str, Column(wide=True)] = ""
    warning: Annotated[str, Column(wide=True)] = ""
    """What makes its identity doubtful: a clone, another host name than before."""


@dataclass(frozen=True)
class MadeToken:
    """A new token, for enrolling or for a release; shown once and kept nowhere, so it is no row."""

    text: str = field(repr=False)
    names: str
    expires: str


class Devices(Protocol):
    """The inventory and who may join it."""

    def rows(self, selector: str | None = None) -> AsyncIterator[DeviceRow]:
        """Every device that the person may see, or those of them that a selector means."""
        ...

    async def new_token(self, names: str, tags: list[str], hours: float) -> MadeToken: ...

    async def release_token(self, name: str, hours: float) -> MadeToken:
        """A token that ends the device's isolation on the device itself; it counts once there."""
        ...

    async def revoke(self, name: str) -> str:
        """Takes the device's certificates away and cuts its lines; says what was cut."""
        ...
