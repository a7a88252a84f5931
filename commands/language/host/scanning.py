"""The device's own antivirus engine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from commands.language.items import Column, Progress, Row
from commands.language.names import Name

Kind = Literal["quick", "full"]


class DetectionRow(Row):
    """One thing that the engine found."""

    path: Annotated[Name, Column(1, identity=True)]
    threat: Annotated[str, Column(1)]
    what: Annotated[str, Column(2)] = ""
    """What the engine did about it: found, quarantined, removed, allowed."""
    engine: Annotated[str, Column(wide=True)] = ""


@dataclass(frozen=True)
class Unseen:
    """So many files at which the engine did not look, or not whole; the first, and why."""

    files: int
    first: str


class Scanner(Protocol):
    """Scanning; it ends with what it is about when its iterator is closed."""

    async def engine(self) -> str:
        """Which engine, with its version and the age of its signatures as a person reads it;
        raises Failed where there is none, or none that works, saying which was looked for."""
        ...

    def scan(
        self, kind: Kind, path: Name | None
    ) -> AsyncIterator[DetectionRow | Progress | Unseen | str]:
        """Detections and progress as they come, sentences about what was not scanned; raises
        Failed where the engine could not do it, with what it had done until then."""
        ...
