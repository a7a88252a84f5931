"""Where a file would be started by the system or at a login: closed to who may start nothing.

1. `shell` and `run` denied must also mean no file put where something else starts it. Who has one
   of the words that start programs may put a file anywhere; who has none, or needs a second
   person for each, only outside these.
2. It is a list of places, wide on purpose, and judged by the path's letters: nothing is written
   through a link, so a path leads where it says. Hidden names count everywhere: homes, and what
   starts from them, are too many to name.
"""

import ntpath
import posixpath
from typing import TYPE_CHECKING

from commands.language import names
from commands.language.command import find
from commands.language.errors import Refused
from commands.language.names import Name, shown, to_units
from server.live.inventory import Device
from server.live.second_person import may_alone

if TYPE_CHECKING:
    from server.live.session import Session

STARTERS = ("run", "shell", "exec")
_LINUX = (
    *("/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/run", "/proc"),
    *("/sys", "/dev", "/var/spool", "/var/lib", "/opt", "/snap", "/root"),
)
_WINDOWS = ("\\windows", "\\program files", "\\program files (x86)", "\\programdata")
_WINDOWS_PARTS = frozenset({"appdata", "startup", "start menu", "windowspowershell", "powershell"})


def refuse_start_up(session: "Session", device: Device, path: Name) -> None:
    """Raises Refused for a place where a file is started, if the person may start nothing there."""
    if not starts(session.folder, path, device.platform) or _may_start(session, device):
        return
    raise Refused(
        f"{shown(path)} on {device.name} is where the system or a login starts files, and you may "
        f"start nothing there by yourself ({', '.join(STARTERS)}); put it elsewhere"
    )


def _may_start(session: "Session", device: Device) -> bool:
    kinds = [kind for kind in map(find, STARTERS) if kind is not None]
    return any(may_alone(session, kind.spec, device) for kind in kinds)


def starts(folder: Name, path: Name, platform: str) -> bool:
    """Whether files are started at a path, seen from a folder."""
    if platform == "windows":
        asked = ntpath.join(to_units(folder) or "C:\\", to_units(path).replace("/", "\\"))
        parts = ntpath.normpath(asked).replace("/", "\\").lower().split("\\")
        whole = "\\" + "\\".join(part.rstrip(". ") for part in parts[1:])
        # A short name (`PROGRA~1`) is another spelling of what nobody here knows.
        known = any(part in _WINDOWS_PARTS or "~" in part for part in parts)
        return known or any(_under(whole, place, "\\") for place in _WINDOWS)
    whole = posixpath.normpath(names.whole(folder, path).decode("latin-1"))
    hidden = any(part.startswith(".") for part in whole.split("/"))
    return hidden or any(_under(whole, place, "/") for place in _LINUX)


def _under(path: str, place: str, separator: str) -> bool:
    return path == place or path.startswith(place + separator)
