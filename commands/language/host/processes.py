"""Processes of a device."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Integer, Row, Time
from commands.language.names import Name


class ProcessRow(Row):
    """One process; its identity is pid and `start_id` (boot and start ticks), not a wall time."""

    name: Annotated[Name, Column(1, identity=True)]
    pid: Annotated[Integer, Column(1, identity=True)]
    parent_id: Annotated[Integer | None, Column(4)] = None
    user_name: Annotated[str, Column(2)] = ""
    status: Annotated[str, Column(6)] = ""
    creation_time: Annotated[Time | None, Column(2)] = None
    cpu: Annotated[float | None, Column(6)] = None
    """Seconds of processor time used."""
    working_set: Annotated[Integer | None, Column(7, size=True)] = None
    private_bytes: Annotated[Integer | None, Column(8, size=True)] = None
    session_id: Annotated[Integer | None, Column(8)] = None
    path: Annotated[Name | None, Column(9)] = None
    command_line: Annotated[Name | None, Column(2, elastic=True)] = None
    start_id: Annotated[str, Column(wide=True)] = ""
    arguments: Annotated[list[Name] | None, Column(wide=True)] = None
    comm: Annotated[Name | None, Column(wide=True)] = None
    deleted: Annotated[bool, Column(wide=True)] = False
    error: Annotated[str, Column(wide=True)] = ""


class Processes(Protocol):
    """The process list."""

    def list(self) -> AsyncIterator[ProcessRow]:
        """Every process; one that ends meanwhile is left out, one that refuses carries an error."""
        ...
