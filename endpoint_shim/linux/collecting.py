"""Linux's side of a collection."""

import contextlib
import ctypes
import fnmatch
import itertools
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import cached_property

from commands.language.errors import FirelineError
from commands.language.host.connections import ConnectionRow
from commands.language.host.files import Files
from commands.language.host.processes import ProcessRow
from commands.language.host.programs import Program
from commands.language.items import Row
from commands.language.names import Name, from_bytes, shown, to_bytes
from endpoint_shim.collecting.side import List, Missed
from endpoint_shim.linux.connections import LinuxConnections
from endpoint_shim.linux.login import PATH
from endpoint_shim.linux.mounts import mount_of, read_mounts
from endpoint_shim.linux.paths import NotThere
from endpoint_shim.linux.processes import LinuxProcesses
from endpoint_shim.linux.programs import LinuxPrograms

ACCOUNTS = "/etc/passwd"
HOMES = "/home"
MOST_HOMES = 2000
SHARED = frozenset({"/", "/bin", "/dev", "/etc", "/nonexistent", "/proc", "/sbin", "/usr/sbin"})
"""Homes of accounts that have none."""
RELEASE = "/etc/os-release"
M_ARENA_MAX = -8
"""mallopt(3)."""


def few_heaps() -> None:
    """Has threads share their heaps: pieces go from one thread to the next, and each of many heaps
    would keep what passed through it."""
    with contextlib.suppress(AttributeError):  # musl has one heap anyway
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


class LinuxSide:
    """The protocol's Side."""

    absent: type[FirelineError] = NotThere

    def __init__(self, files: Files, programs: LinuxPrograms) -> None:
        self.files = files
        self._programs = programs

    # Programs.
    def program(self, name: str) -> str | None:
        folders = PATH.split(":")
        if "/" in name:
            folder, name = os.path.split(os.path.normpath(name))
            folders = [folder] if folder in folders else []
        for folder in folders:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        return None

    async def start(self, program: str, arguments: Sequence[str]) -> Program:
        return await self._programs.start_tool(program, arguments)

    # Paths.
    def variables(self) -> Mapping[str, Sequence[str]]:
        return {"{home}": self._homes}

    @cached_property
    def _homes(self) -> list[str]:
        """Of every account that the device itself has, and whatever lies in /home: a directory
        service, whose accounts have their homes there too, is not asked."""
        found = {"/root": None}
        for home in itertools.chain(_of_accounts(), self._in_home()):
            if len(found) < MOST_HOMES:
                found[os.path.normpath(home)] = None
        return [home for home in found if home not in SHARED and "\0" not in home]

    def _in_home(self) -> Iterator[str]:
        try:
            self.check(Name(HOMES))
            with os.scandir(HOMES) as entries:
                yield from (one.path for one in entries if one.is_dir(follow_symlinks=False))
        except (OSError, Missed):
            return  # there is none, or it may hang

    def joined(self, folder: Name, part: str) -> Name:
        return from_bytes(to_bytes(folder).rstrip(b"/") + b"/" + os.fsencode(part))

    def divided(self, path: str) -> tuple[Name, list[str]]:
        return Name("/"), [part for part in os.path.normpath(path).split("/") if part] or [""]

    def target(self, link: Name, target: Name) -> Name:
        return from_bytes(
            os.path.normpath(os.path.join(os.path.dirname(to_bytes(link)), to_bytes(target)))
        )

    def parts(self, path: Name) -> list[str]:
        return [from_bytes(part) for part in to_bytes(path).split(b"/") if part]

    def matched(self, name: Name, pattern: str) -> bool:
        last = os.path.basename(os.fsdecode(to_bytes(name)))
        return fnmatch.fnmatchcase(last, pattern)

    def check(self, path: Name) -> None:
        whole = to_bytes(path)
        mount = mount_of(whole, read_mounts())
        if mount is not None and mount.may_hang:
            raise Missed("left out", f"{shown(path)} is on {mount.kind}, which may hang")

    # Lists.
    async def list(self, name: str) -> AsyncIterator[List]:
        if name == "processes":
            yield List(_processes(), ProcessRow)
        elif name == "connections":
            yield List(_connections(), ConnectionRow)
        else:
            raise Missed("not here", f"Linux has no list of {name}; it has processes, connections")

    def keys(self, pattern: str) -> Sequence[str]:
        raise Missed("not here", "Linux has no registry")

    async def key(self, path: str) -> AsyncIterator[bytes]:
        raise Missed("not here", "Linux has no registry")
        yield b""

    # The system.
    def fits(self, since: Sequence[str]) -> bool:
        return False

    def facts(self) -> Mapping[str, str]:
        system = os.uname()
        return {
            "host": system.nodename,
            "system": _release(),
            "kernel": f"{system.sysname} {system.release} {system.version}",
            "architecture": system.machine,
            "time_zone_file": _time_zone(),
        }


def _of_accounts() -> Iterator[str]:
    """Their homes; a line that is none of an account's is passed over."""
    try:
        with open(ACCOUNTS, "rb") as lines:
            for line in lines:
                fields = os.fsdecode(line.rstrip(b"\r\n")).split(":")
                if len(fields) >= 7 and fields[5].startswith("/"):
                    yield fields[5]
    except OSError:
        return  # the homes that lie where homes do are left


async def _processes() -> AsyncIterator[Row]:
    async for row in LinuxProcesses().list():
        yield row


async def _connections() -> AsyncIterator[Row]:
    """Rows alone: what could not be seen stands in the errors of those that could."""
    async for found in LinuxConnections().list():
        if isinstance(found, ConnectionRow):
            yield found


def _release() -> str:
    try:
        with open(RELEASE, encoding="utf-8", errors="backslashreplace") as lines:
            for line in lines:
                if line.startswith("PRETTY_NAME="):
                    return line.partition("=")[2].strip().strip("\"'")[:200]
    except OSError:
        pass  # a system without that file; its kernel is told
    return ""


def _time_zone() -> str:
    """The zone's name, as the link of the local time has it."""
    try:
        return os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    except OSError:
        return ""
