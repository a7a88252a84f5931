"""Network connections of a device."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Integer, Row
from commands.language.names import Name


class ConnectionRow(Row):
    """One socket."""

    process: Annotated[Name | None, Column(1, identity=True)]
    pid: Annotated[Integer | None, Column(1, identity=True)]
    protocol: Annotated[str, Column(2)]
    local_ip: Annotated[str, Column(2)]
    local_port: Annotated[Integer, Column(2)]
    remote_ip: Annotated[str | None, Column(2)] = None
    remote_port: Annotated[Integer | None, Column(2)] = None
    status: Annotated[str, Column(3)] = ""
    namespace: Annotated[str, Column(wide=True)] = ""
    error: Annotated[str, Column(wide=True)] = ""


class Connections(Protocol):
    """The socket list, TCP and UDP, IPv4 and IPv6."""

    def list(self) -> AsyncIterator[ConnectionRow | str]:
        """Every socket; strings say what could not be seen."""
        ...
