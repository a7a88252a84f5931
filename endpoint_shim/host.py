"""The device as one command sees it; each part is imported when a command first asks for it."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from commands.language.host.connections import Connections
from commands.language.host.files import Files
from commands.language.host.foresight import Foresight
from commands.language.host.package import Package
from commands.language.host.processes import Processes
from commands.language.host.programs import Programs
from commands.language.host.scanning import Scanner
from commands.language.host.session import SessionFolder
from commands.language.host.terminal import Terminals
from commands.language.names import Name, from_text
from endpoint_shim.groups import Group
from endpoint_shim.inputs import Input
from endpoint_shim.policy import Policy
from endpoint_shim.session_folder import PrivateFolder


@dataclass(frozen=True)
class Place:
    """Where a worker stands; the same for every command of it."""

    session_folder: Path
    kept: Path
    policy: Policy
    terminal_prefix: tuple[str, ...] = ()
    clamd: str = ""
    state: Path = Path()
    """The shim's state folder, where its key and the owner's recipes lie."""


def files_of(folder: Name, policy: Policy) -> Files:
    """The files of this platform, seen from a folder."""
    if sys.platform == "win32":
        from endpoint_shim.windows.files import WindowsFiles

        return WindowsFiles(folder, policy)
    from endpoint_shim.linux.files import LinuxFiles

    return LinuxFiles(folder, policy)


class DeviceHost:
    """One command's host."""

    def __init__(
        self,
        place: Place,
        folder: Name,
        group: Group,
        taken: Input,
        have: int,
        have_sha256: str | None,
        broker_ms: int = 0,
    ) -> None:
        self._place = place
        self._folder = folder
        self._group = group
        self._input = taken
        self._have = have
        self._have_sha256 = have_sha256
        self._broker_ms = broker_ms

    @cached_property
    def files(self) -> Files:
        return files_of(self._folder, self._place.policy)

    @cached_property
    def foresight(self) -> Foresight:
        from endpoint_shim.foresight import DeviceForesight

        return DeviceForesight(self._place.state)

    @cached_property
    def processes(self) -> Processes:
        if sys.platform == "win32":
            from endpoint_shim.windows.processes import WindowsProcesses

            return WindowsProcesses()
        from endpoint_shim.linux.processes import LinuxProcesses

        return LinuxProcesses()

    @cached_property
    def connections(self) -> Connections:
        if sys.platform == "win32":
            from endpoint_shim.windows.connections import WindowsConnections

            return WindowsConnections()
        from endpoint_shim.linux.connections import LinuxConnections

        return LinuxConnections()

    @cached_property
    def programs(self) -> Programs:
        folder = from_text(str(self._place.session_folder))
        if sys.platform == "win32":
            from endpoint_shim.windows.programs import WindowsPrograms

            return WindowsPrograms(folder, self._group)
        from endpoint_shim.linux.programs import LinuxPrograms

        return LinuxPrograms(folder, self._group)

    @cached_property
    def scanner(self) -> Scanner:
        if sys.platform == "win32":
            from endpoint_shim.windows.scanner import WindowsScanner

            return WindowsScanner(self._folder, self._place.policy, self._group)
        from endpoint_shim.linux.scanner import LinuxScanner

        return LinuxScanner(
            self._folder,
            self._place.policy,
            self._group,
            self._place.session_folder,
            self._place.clamd,
        )

    @cached_property
    def session(self) -> SessionFolder:
        return PrivateFolder(self._place.session_folder, self._place.kept)

    @cached_property
    def package(self) -> Package:
        from endpoint_shim.collecting.host_package import HostPackage

        return HostPackage(self._place, self._group, self._broker_ms)

    @cached_property
    def terminals(self) -> Terminals:
        if sys.platform == "win32":
            from endpoint_shim.terminal.windows import WindowsTerminals

            return WindowsTerminals(self._group, self._folder, self._place.terminal_prefix)
        from endpoint_shim.terminal.posix import PosixTerminals

        return PosixTerminals(self._group, self._folder)

    def input(self) -> AsyncIterator[bytes]:
        return self._input.pieces()

    @property
    def have(self) -> int:
        return self._have

    @property
    def have_sha256(self) -> str | None:
        return self._have_sha256
