"""What a platform gives to a collection: its programs, paths, registry and own lists."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from commands.language.errors import FirelineError
from commands.language.host.files import Files
from commands.language.host.programs import Program
from commands.language.items import Row
from commands.language.names import Name


class Missed(FirelineError):
    """A data point that gave less than it should; `state` and `number` stand in the summary."""

    def __init__(self, state: str, message: str, number: str = "") -> None:
        super().__init__(message)
        self.state, self.number = state, number


@dataclass(frozen=True)
class List:
    """One file of a list of the shim's own: rows, or text; `name` where it is not the point's."""

    rows: AsyncIterator[Row] | None = None
    row: type[Row] | None = None
    text: AsyncIterator[str] | None = None
    name: str = ""
    source: Name | None = None


class Side(Protocol):
    """One platform's."""

    @property
    def files(self) -> Files: ...

    @property
    def absent(self) -> type[FirelineError]:
        """What is raised for a path where nothing is."""
        ...

    def program(self, name: str) -> str | None:
        """The whole path of a program in the folders of the system; None where it is not there."""
        ...

    async def start(self, program: str, arguments: Sequence[str]) -> Program:
        """Starts it in the session's folder, in the command's group, input at its end."""
        ...

    def variables(self) -> Mapping[str, Sequence[str]]:
        """What stands for several places in a path: `{home}`, `%SystemRoot%`."""
        ...

    def joined(self, folder: Name, part: str) -> Name:
        """The path of a name in a folder; of the folder itself, to be gone into, for no name."""
        ...

    def target(self, link: Name, target: Name) -> Name:
        """Where a link leads."""
        ...

    def divided(self, path: str) -> tuple[Name, list[str]]:
        """A recipe's path as its root and the parts below it."""
        ...

    def parts(self, path: Name) -> list[str]:
        """A path as the parts of a member's name."""
        ...

    def matched(self, name: Name, pattern: str) -> bool:
        """Whether the last part of a path matches a glob, by this system's habit."""
        ...

    def check(self, path: Name) -> None:
        """Raises Missed for a path that may hang: network file systems and the like."""
        ...

    def list(self, name: str) -> AsyncIterator[List]:
        """One of the shim's own lists."""
        ...

    def keys(self, pattern: str) -> Sequence[str]:
        """The registry keys that a recipe's key means; Missed where there is no registry."""
        ...

    def key(self, path: str) -> AsyncIterator[bytes]:
        """A registry key as text; Missed where it is not there."""
        ...

    def fits(self, since: Sequence[str]) -> bool:
        """Whether this system is at least one of the builds."""
        ...

    def facts(self) -> Mapping[str, str]:
        """What the manifest says of the system."""
        ...
