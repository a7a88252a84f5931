"""What a device command may ask of the device: a bundle of small protocols, one file each.

Linux and Windows each have one side of every protocol in `endpoint_shim`; they give raw facts.
A fact that a platform lacks raises Refused with the reason.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from commands.language.host.connections import Connections
from commands.language.host.files import Files
from commands.language.host.foresight import Foresight
from commands.language.host.package import Package
from commands.language.host.processes import Processes
from commands.language.host.programs import Programs
from commands.language.host.scanning import Scanner
from commands.language.host.session import SessionFolder
from commands.language.host.terminal import Terminals


class Host(Protocol):
    """The device, as one command sees it."""

    @property
    def files(self) -> Files: ...
    @property
    def foresight(self) -> Foresight: ...
    @property
    def processes(self) -> Processes: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def programs(self) -> Programs: ...
    @property
    def scanner(self) -> Scanner: ...
    @property
    def session(self) -> SessionFolder: ...
    @property
    def package(self) -> Package: ...
    @property
    def terminals(self) -> Terminals: ...

    def input(self) -> AsyncIterator[bytes]:
        """The bytes that the broker sends with this command, to their end."""
        ...

    @property
    def have(self) -> int:
        """For getfile: bytes of the file that the broker already holds."""
        ...

    @property
    def have_sha256(self) -> str | None:
        """The SHA-256 of those bytes."""
        ...
