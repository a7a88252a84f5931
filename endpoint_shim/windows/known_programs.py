"""Where the programs lie that a rule names by a file or an app package; only what is safe to open.

1. A file's name is looked for where administrators say which program it is: `App Paths` of the
   machine, and System32. Never among what runs, or in a user's folders or registry: a file of that
   name is anybody's there.
2. What others than administrators can replace is anybody's too, and is left out with that reason.
3. A package's programs lie where Windows puts them, under its family's name. Only few run in a
   container of their own, which the package's SID means; the others are known as programs.
"""

import os
import re
import sys
import winreg
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from commands.language.errors import FirelineError
from commands.language.names import Name, typed
from commands.language.visible import visible
from endpoint_shim.windows import changers
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.paths import joined

assert sys.platform == "win32"

APP_PATHS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths"
VIEWS = (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY)
MOST = 50
"""Programs of one package."""
_FILE = re.compile(r'[^\x00-\x1f<>:"/\\|?*]{1,255}')


def places(name: str) -> tuple[list[str], str]:
    """Whole paths of a program, or why there is none; a path is itself, whoever can change it."""
    if "\\" in name or "/" in name:
        return _on_a_drive(name)
    if not _FILE.fullmatch(name):
        return [], f"{visible(name)} is no program's name"
    file = name if name.lower().endswith(".exe") else f"{name}.exe"
    return _safe([*_registered(file), *_in_system(file)], f"no program {name} on this device")


def _on_a_drive(path: str) -> tuple[list[str], str]:
    """Never on the network: the device would sign in there as itself."""
    try:
        whole = joined(Name("C:\\"), typed(path))
        refuse_network(whole)
    except FirelineError as error:
        return [], str(error)
    return [whole], ""


def of_package(family: str) -> tuple[list[str], str]:
    """The programs of an app package by its family's name, or why there are none."""
    return _safe(islice(_packaged(family), MOST), f"no package {family} on this device")


def _safe(found: Iterable[str], none: str) -> tuple[list[str], str]:
    paths, why = [], none
    for path in dict.fromkeys(found):
        if sentence := _changed_by_others(Path(path)):
            why = sentence
        else:
            paths.append(path)
    return paths, "" if paths else why


def _changed_by_others(path: Path) -> str:
    try:
        return changers.of(path, above=False) or changers.of(path.parent, above=True)
    except OSError as error:
        return f"{path} cannot be looked at ({error.strerror})"


def _registered(file: str) -> Iterator[str]:
    for view in VIEWS:
        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, rf"{APP_PATHS}\{file}", 0, winreg.KEY_READ | view
            ) as key:
                value, kind = winreg.QueryValueEx(key, "")
        except OSError:
            continue  # not registered in this view
        if kind in (winreg.REG_SZ, winreg.REG_EXPAND_SZ):
            path = os.path.expandvars(value.strip().strip('"'))
            if os.path.basename(path).lower() == file.lower() and os.path.isfile(path):
                yield path


def _in_system(file: str) -> Iterator[str]:
    path = os.path.join(_root(), "System32", file)
    if os.path.isfile(path):
        yield path


def _packaged(family: str) -> Iterator[str]:
    """`Name_publisher` is installed as `Name_version_machine_resource_publisher`."""
    name, _, publisher = family.rpartition("_")
    whole = re.compile(
        rf"{re.escape(name)}_[^_\\]*_[^_\\]*_[^_\\]*_{re.escape(publisher)}", re.IGNORECASE
    )
    programs = os.environ.get("PROGRAMFILES", r"C:\Program Files")
    yield from _below(Path(programs, "WindowsApps"), lambda one: bool(whole.fullmatch(one)))
    yield from _below(Path(_root(), "SystemApps"), lambda one: one.lower() == family.lower())


def _below(folder: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    try:
        found = [one for one in folder.iterdir() if wanted(one.name)]
    except OSError:
        return  # no package was ever put there
    for package in found:
        for at, _, names in os.walk(package):
            yield from (os.path.join(at, one) for one in names if one.lower().endswith(".exe"))


def _root() -> str:
    return os.environ.get("SYSTEMROOT", r"C:\Windows")
