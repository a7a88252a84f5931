"""The investigation package of a device: many data points as one zip, and a row about each."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Protocol

from commands.language.items import Column, Item, Row, Size
from commands.language.names import Name


class DataPointRow(Row):
    """One file of the package, or a data point that gave none."""

    folder: Annotated[str, Column(1, identity=True)]
    file: Annotated[Name, Column(1, identity=True)]
    status: Annotated[str, Column(1)]
    """done, cut (longer than is taken), empty (nothing was there), not here (this device has no
    such program, file or key), refused, timed out, failed, left out (the package is full)."""
    bytes: Annotated[Size | None, Column(2, size=True)] = None
    error_code: Annotated[str, Column(3)] = ""
    error: Annotated[str, Column(2, elastic=True)] = ""
    command: Annotated[str, Column(3)] = ""
    """The command, file or source that it is from."""
    sha256: Annotated[str, Column(wide=True)] = ""
    source: Annotated[Name | None, Column(wide=True)] = None
    """The path on the device that it is a copy of."""


class Package(Protocol):
    """Collecting."""

    def collected(self, only: Sequence[str], most: int) -> AsyncIterator[Item]:
        """The package's bytes, with rows, notes and progress between them; only these folders
        where any are named; nothing is added beyond `most` bytes but what closes it."""
        ...
