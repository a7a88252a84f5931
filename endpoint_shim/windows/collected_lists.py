"""The lists that a package has on Windows: from the system's own calls, never from translated text.

Each is made in threads, row by row; what one thing does not tell stands in its own row.
"""

import ntpath
import sys
import winreg
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from typing import TypeVar

import psutil

from commands.language.errors import FirelineError
from commands.language.host.connections import ConnectionRow, Connections
from commands.language.host.files import FileRow, Files
from commands.language.host.processes import ProcessRow
from commands.language.items import Row
from commands.language.names import Name, from_text, shown, to_units
from endpoint_shim.batches import in_batches
from endpoint_shim.collecting.side import List, Missed
from endpoint_shim.collecting.tables import moment
from endpoint_shim.windows import registry_text as registry
from endpoint_shim.windows.accounts import Accounts, sid_bytes, text_of
from endpoint_shim.windows.collected_rows import ProgramRow, ServiceRow, TaskRow
from endpoint_shim.windows.login import system_folder, windows_folder
from endpoint_shim.windows.net_api import NetApi
from endpoint_shim.windows.paths import NotThere
from endpoint_shim.windows.processes import WindowsProcesses
from endpoint_shim.windows.task_files import MOST as LARGEST_TASK
from endpoint_shim.windows.task_files import task_of

assert sys.platform == "win32"

UNINSTALL = "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
PROFILES = "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
NO_PATH = "The system cannot find the path specified"
NO_SESSIONS = "No {} SMB sessions were found"
SMB_PORTS = (139, 445)
MOST_TASKS, DEEPEST = 5000, 12

Made = TypeVar("Made")


class Lists:
    """By the names that a recipe has for them."""

    def __init__(self, files: Files, net: NetApi, sockets: Connections) -> None:
        self._files, self._net, self._sockets = files, net, sockets
        self._to_servers: list[str] | None = None
        self._by_name: dict[str, Callable[[], AsyncIterator[List]]] = {
            "processes": self._processes,
            "connections": self._connections,
            "programs": self._programs,
            "services": self._services,
            "scheduled tasks": self._tasks,
            "groups": self._groups,
            "inbound SMB sessions": self._inbound,
            "outbound SMB sessions": self._outbound,
            "temp directories": self._temp,
        }

    async def of(self, name: str) -> AsyncIterator[List]:
        if name not in self._by_name:
            raise Missed(
                "not here", f"Windows has no list of {name}; it has {', '.join(self._by_name)}"
            )
        async for found in self._by_name[name]():
            yield found

    async def _processes(self) -> AsyncIterator[List]:
        yield List(_rows(WindowsProcesses().list()), ProcessRow)

    async def _connections(self) -> AsyncIterator[List]:
        yield List(self._connection_rows(), ConnectionRow)

    async def _connection_rows(self) -> AsyncIterator[Row]:
        """Of each connection to a file server it is noted: the list is not read twice."""
        found: list[str] = []
        async for row in self._sockets.list():
            if not isinstance(row, ConnectionRow):
                continue
            if row.remote_port in SMB_PORTS:
                who = "-" if row.process is None else shown(row.process)
                found.append(f"{who} {row.pid}\t{row.remote_ip}:{row.remote_port}\t{row.status}")
            yield row
        self._to_servers = found

    async def _programs(self) -> AsyncIterator[List]:
        yield List(_rows(in_batches(_installed())), ProgramRow)

    async def _services(self) -> AsyncIterator[List]:
        yield List(_rows(in_batches(_services())), ServiceRow)

    async def _tasks(self) -> AsyncIterator[List]:
        yield List(self._task_rows(), TaskRow)

    async def _task_rows(self) -> AsyncIterator[Row]:
        top = from_text(str(system_folder() / "Tasks"))
        count = 0
        async for row in self._below(top, DEEPEST):
            name = from_text(to_units(row.path)[len(to_units(top)) :] or "\\")
            if row.error and row.kind == "directory":
                yield TaskRow(path=name, error=row.error)
            if row.kind != "file":
                continue
            if count == MOST_TASKS:
                yield TaskRow(path=name, error=f"{count:,} tasks are taken, and no more")
                return
            count += 1
            try:
                handle = await self._files.open(row.path)
                try:
                    data = await handle.read(0, LARGEST_TASK)
                finally:
                    await handle.close()
            except FirelineError as error:
                yield TaskRow(path=name, error=str(error))
                continue
            yield task_of(name, data)

    async def _groups(self) -> AsyncIterator[List]:
        accounts = Accounts()
        async with aclosing(in_batches(_listed(self._net.groups))) as groups:
            async for group in groups:
                members = in_batches(_members(self._net, group.name, accounts))
                yield List(
                    text=_lines([f"{group.name}: {group.comment}", ""], members),
                    name=f"{group.name}.txt",
                )

    async def _inbound(self) -> AsyncIterator[List]:
        found = in_batches(
            f"{one.client}\t{one.user}\t{one.seconds} s\tidle {one.idle_s} s"
            for one in _listed(self._net.sessions)
        )
        yield List(text=_or(found, NO_SESSIONS.format("inbound")))

    async def _outbound(self) -> AsyncIterator[List]:
        yield List(text=_or(self._outbound_lines(), NO_SESSIONS.format("outbound")))

    async def _outbound_lines(self) -> AsyncIterator[str]:
        """What this account uses, what users have as drives, and who is connected to a server."""
        missed: Missed | None = None
        try:
            async for line in in_batches(
                f"{one.local or '-'}\t{one.remote}\tstatus {one.status}"
                for one in _listed(self._net.uses)
            ):
                yield line
        except Missed as error:
            missed = error
        async for line in in_batches(_mapped()):
            yield line
        if self._to_servers is None:
            async for _ in self._connection_rows():
                pass
        for line in self._to_servers or []:
            yield line
        if missed is not None:
            raise missed

    async def _temp(self) -> AsyncIterator[List]:
        for name, folder in temp_folders():
            path = from_text(folder)
            yield List(text=self._temp_lines(path), name=f"{name}.txt", source=path)

    async def _temp_lines(self, folder: Name) -> AsyncIterator[str]:
        yield shown(folder)
        yield ""
        try:
            async for row in self._below(folder, DEEPEST, may_fail=True):
                when = "-" if row.modified is None else moment(row.modified)
                size = "<DIR>" if row.is_directory else f"{row.size or 0}"
                yield "\t".join(filter(None, (when, size, shown(row.path), row.error)))
        except NotThere:
            yield NO_PATH

    async def _below(
        self, folder: Name, depth: int, *, may_fail: bool = False
    ) -> AsyncIterator[FileRow]:
        """All that is below a folder, links not gone into. A folder that refuses comes again with
        its error, and ends no list; `may_fail`: the first one's is raised."""
        folders = []
        try:
            async for row in self._files.list(from_text(to_units(folder) + "\\")):
                yield row
                if row.kind == "directory":
                    folders.append(row.path)
        except FirelineError as error:
            if may_fail:
                raise
            yield FileRow(folder, is_directory=True, kind="directory", error=str(error))
        for one in folders:
            if not depth:
                why = "it is too deep a folder to go into"
                yield FileRow(one, is_directory=True, kind="directory", error=why)
                continue
            async for row in self._below(one, depth - 1):
                yield row


def profiles() -> list[str]:
    """The folders of the users that this device knows."""
    found = []
    for sid in registry.subkeys(PROFILES):
        try:
            path = registry.values(f"{PROFILES}\\{sid}").get("profileimagepath")
        except (NotThere, Missed):
            continue  # half deleted: it has no folder
        if isinstance(path, str) and path:
            found.append(winreg.ExpandEnvironmentStrings(path))
    return found


def temp_folders() -> list[tuple[str, str]]:
    """A name and `%Temp%` for each user, and the system's own."""
    found = [(ntpath.basename(p), ntpath.join(p, "AppData\\Local\\Temp")) for p in profiles()]
    return [*found, ("Windows", str(windows_folder() / "Temp"))]


def _installed() -> Generator[ProgramRow, None, None]:
    tops = [f"HKLM\\{UNINSTALL}", f"HKLM\\SOFTWARE\\WOW6432Node\\{UNINSTALL[9:]}"]
    tops += registry.meant(f"HKU\\{registry.USER}\\{UNINSTALL}")
    for top in tops:
        try:
            keys = registry.subkeys(top)
        except (NotThere, Missed):
            continue  # nothing is installed so
        for key in keys:
            try:
                said = registry.values(f"{top}\\{key}")
            except (NotThere, Missed):
                continue  # taken away meanwhile
            texts = {name: registry.shown(value) for name, value in said.items()}
            yield ProgramRow(
                name=texts.get("displayname", key),
                version=texts.get("displayversion", ""),
                publisher=texts.get("publisher", ""),
                install_date=texts.get("installdate", ""),
                location=texts.get("installlocation", ""),
                uninstall=texts.get("uninstallstring", ""),
                key=f"{top}\\{key}",
            )


def _services() -> Generator[ServiceRow, None, None]:
    for service in psutil.win_service_iter():
        row = ServiceRow(service_name=service.name())
        for field, call in (
            ("display_name", service.display_name),
            ("current_state", service.status),
            ("start_type", service.start_type),
            ("account", service.username),
            ("binary_path", service.binpath),
            ("process_id", service.pid),
            ("description", service.description),
        ):
            try:
                value = call()
            except (OSError, ValueError, psutil.Error) as error:  # a text may be no text
                row.error = f"{row.error}; {field}: {error}".lstrip("; ")
                continue
            setattr(row, field, value if field == "process_id" else value or "")
        yield row


def _members(net: NetApi, group: str, accounts: Accounts) -> Generator[str, None, None]:
    for sid in net.members(group, sid_bytes):
        text, name = text_of(sid), accounts.of_sid(sid)
        yield f"{name}\t{text}" if name != text else f"-\t{text}\tits name is not known here"


def _mapped() -> Generator[str, None, None]:
    """Drives that users have on servers."""
    for key in registry.meant(f"HKU\\{registry.USER}\\Network"):
        try:
            letters = registry.subkeys(key)
        except (NotThere, Missed):
            continue  # this one has none
        for letter in letters:
            try:
                server = registry.shown(registry.values(f"{key}\\{letter}").get("remotepath"))
            except (NotThere, Missed) as error:
                server = str(error)  # of this one nothing is known, of the others all
            yield f"{letter}:\t{server}\t{key}"


def _listed(call: Callable[[], Iterator[Made]]) -> Generator[Made, None, None]:
    yield from call()


async def _rows(source: AsyncIterator[object]) -> AsyncIterator[Row]:
    async for row in source:
        if isinstance(row, Row):
            yield row


async def _lines(first: list[str], rest: AsyncIterator[str]) -> AsyncIterator[str]:
    for line in first:
        yield line
    async for line in rest:
        yield line


async def _or(lines: AsyncIterator[str], otherwise: str) -> AsyncIterator[str]:
    """The lines; where there is none, that."""
    any_of_it = False
    async for line in lines:
        any_of_it = True
        yield line
    if not any_of_it:
        yield otherwise
