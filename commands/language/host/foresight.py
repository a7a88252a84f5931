"""What a containment would do to a device as it is now; looking changes nothing."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal, Protocol

from commands.language.items import Column, Integer, Row
from commands.language.names import Name


class EffectRow(Row):
    """A connection that would end, or a running program that could not be started again."""

    what: Annotated[Literal["connection", "program"], Column(1, identity=True)]
    name: Annotated[Name, Column(1, identity=True)]
    """A program's path; a connection's far end, address and port."""
    pid: Annotated[Integer | None, Column(1, identity=True)] = None
    near: Annotated[str, Column(2)] = ""
    """A connection's own end."""


class Foresight(Protocol):
    """Telling before it is so."""

    def isolated(self) -> AsyncIterator[EffectRow]:
        """The TCP connections that a full isolation would end."""
        ...

    def restricted(self) -> AsyncIterator[EffectRow]:
        """What runs and could not be started again; Refused where the device cannot tell."""
        ...
