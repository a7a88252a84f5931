"""Windows' side of a collection."""

import fnmatch
import ntpath
import platform
import re
import sys
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from commands.language.errors import FirelineError
from commands.language.host.files import Files
from commands.language.host.programs import Program
from commands.language.names import Name, from_text, to_units
from endpoint_shim.batches import in_batches
from endpoint_shim.collecting.side import List
from endpoint_shim.windows import registry_text as registry
from endpoint_shim.windows.collected_lists import Lists, profiles
from endpoint_shim.windows.connections import WindowsConnections
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.login import environment, system_folder, windows_folder
from endpoint_shim.windows.net_api import NetApi
from endpoint_shim.windows.paths import NotThere
from endpoint_shim.windows.programs import WindowsPrograms

assert sys.platform == "win32"

VERSION = "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
ZONE = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation"
PLATFORM = "Microsoft\\Windows Defender\\Platform"


class WindowsSide:
    """The protocol's Side."""

    absent: type[FirelineError] = NotThere

    def __init__(self, files: Files, programs: WindowsPrograms) -> None:
        self.files = files
        self._programs = programs
        self._lists = Lists(files, NetApi(), WindowsConnections())

    # Programs.
    def program(self, name: str) -> str | None:
        folders = self._folders
        if "\\" in name:
            above, name = ntpath.split(ntpath.normpath(name))
            folders = [one for one in folders if str(one).lower() == above.lower()]
        for folder in folders:
            path = folder / name
            if path.suffix.lower() == ".exe" and path.is_file():
                return str(path)
        return None

    @cached_property
    def _folders(self) -> list[Path]:
        """The system's own; Defender's newest platform before what Windows came with."""
        system, variables = system_folder(), self._places
        defender = Path(variables["%ProgramData%"][0], PLATFORM)
        newest: list[Path] = []
        if defender.is_dir():
            newest = sorted(defender.iterdir(), key=lambda one: _numbers(one.name))[-1:]
        inbox = Path(variables["%ProgramFiles%"][0], "Windows Defender")
        return [system, system / "wbem", windows_folder(), *newest, inbox]

    async def start(self, program: str, arguments: Sequence[str]) -> Program:
        return await self._programs.start_tool(program, arguments)

    # Paths.
    def variables(self) -> Mapping[str, Sequence[str]]:
        return self._places

    @cached_property
    def _places(self) -> Mapping[str, Sequence[str]]:
        words = {name.lower(): value for name, value in environment().items()}
        windows = windows_folder()
        drive = windows.drive
        return {
            "%SystemRoot%": [str(windows)],
            "%ProgramData%": [words.get("programdata", f"{drive}\\ProgramData")],
            "%ProgramFiles%": [words.get("programfiles", f"{drive}\\Program Files")],
            "{home}": profiles(),
        }

    def joined(self, folder: Name, part: str) -> Name:
        return from_text(f"{to_units(folder).rstrip(chr(92))}\\{part}")

    def divided(self, path: str) -> tuple[Name, list[str]]:
        drive, rest = ntpath.splitdrive(path)
        return from_text(f"{drive.upper()}\\"), [part for part in rest.split("\\") if part] or [""]

    def target(self, link: Name, target: Name) -> Name:
        folder = ntpath.dirname(to_units(link))
        return from_text(ntpath.normpath(ntpath.join(folder, to_units(target))))

    def parts(self, path: Name) -> list[str]:
        drive, rest = ntpath.splitdrive(to_units(path))
        return [drive.rstrip(":"), *(from_text(part) for part in rest.split("\\") if part)]

    def matched(self, name: Name, pattern: str) -> bool:
        last = ntpath.basename(to_units(name))
        return fnmatch.fnmatchcase(last.lower(), pattern.lower())

    def check(self, path: Name) -> None:
        refuse_network(to_units(path))

    # Lists.
    def list(self, name: str) -> AsyncIterator[List]:
        return self._lists.of(name)

    def keys(self, pattern: str) -> Sequence[str]:
        return registry.meant(pattern)

    async def key(self, path: str) -> AsyncIterator[bytes]:
        async for line in in_batches(_told(path)):
            yield f"{line}\r\n".encode("utf-8", "backslashreplace")

    # The system.
    def fits(self, since: Sequence[str]) -> bool:
        """At least the named revision of its own release, or a release after all of them."""
        build, revision = self._build
        named = {int(one.split(".")[0]): int(one.split(".")[1]) for one in since}
        if build in named:
            return revision >= named[build]
        return build > max(named)

    @cached_property
    def _build(self) -> tuple[int, int]:
        revision = self._version.get("ubr", 0)
        return sys.getwindowsversion().build, revision if isinstance(revision, int) else 0

    @cached_property
    def _version(self) -> dict[str, object]:
        return registry.values(VERSION)

    def facts(self) -> Mapping[str, str]:
        named = [self._version.get(one) for one in ("productname", "displayversion")]
        build, revision = self._build
        return {
            "host": platform.node(),
            "system": " ".join(one for one in named if isinstance(one, str)),
            "kernel": f"Windows build {build}.{revision}",
            "architecture": platform.machine(),
            "time_zone_key": registry.shown(registry.values(ZONE).get("timezonekeyname")),
        }


def _told(path: str) -> Generator[str, None, None]:
    yield from registry.told(path)


def _numbers(name: str) -> list[int]:
    """A version for comparing: 4.18.9 comes before 4.18.10."""
    return [int(part) for part in re.findall(r"\d+", name)]
