"""The shim as a service of systemd: its units, written to where systemd looks, and their state."""

import os
import sys
from pathlib import Path

from commands.language.errors import Failed, Refused
from endpoint_shim import guard_state
from endpoint_shim.children import own_words
from endpoint_shim.linux import nft, tools

NAME = "fireline-endpoint"
UNIT = f"{NAME}.service"
CONTAIN = "fireline-contain.service"
"""Isolates a device that was isolated when it went down, before its network is up."""
AGAIN = "fireline-contain-again.service"
"""And at once again, where the administrator's rules took those away."""
FLUSHES = "nftables.service"
"""The one that takes away what is not its own, as it starts and as it ends."""
UNITS = Path("/etc/systemd/system")
RUNNING = Path("/run/systemd/system")
"""It is there while systemd is the host's first process (sd_booted(3))."""
ASK_S = 30.0
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})


def unit(state: Path, name: str = UNIT) -> str:
    """A unit's text for this program and a state folder."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    words = [sys.executable, *own_words("contain" if name == CONTAIN else "run", state)]
    rules = str(state / guard_state.RULES)
    again = [tools.first(nft.PLACES) or nft.PLACES[0], "-f", rules]
    filled = {
        "@PROGRAM@": " ".join(map(_quoted, words)),
        "@AGAIN@": " ".join(map(_quoted, again)),
        "@STATE@": str(state).replace("%", "%%").replace('"', '\\"'),
        "@RULES@": rules.replace("%", "%%"),
        "@FLUSHES@": FLUSHES,
        "@EARLY@": " sysinit.target" if name == AGAIN and _flushes_early() else "",
    }
    for mark, filling in filled.items():
        text = text.replace(mark, filling)
    return text


def install(state: Path, units: Path = UNITS) -> str:
    """Writes the units, and has the shim start now and with the system; says what was done."""
    _need_root(units)
    for name in (CONTAIN, AGAIN, UNIT):
        _write(units / name, unit(state, name))
    place = units / UNIT
    if not _systemd():
        return f"{place} is written; systemd does not run here, so nothing was started"
    _systemctl("daemon-reload")
    _systemctl("enable", AGAIN)
    # Now as well: what is up is what goes down in its turn, and puts the rules back then.
    _systemctl("enable", "--now", CONTAIN)
    _systemctl("enable", "--now", UNIT)
    return f"{place} is written; it runs, and starts with the system"


def remove(units: Path = UNITS) -> str:
    """Stops it and takes the units away; the state folder stays."""
    place = units / UNIT
    if not place.exists():
        raise Failed(f"{place} is not there; nothing to remove")
    there = [name for name in (UNIT, AGAIN, CONTAIN) if (units / name).exists()]
    if _systemd():
        for name in there:
            _systemctl("disable", "--now", name)
    for name in there:
        (units / name).unlink()
    if _systemd():
        _systemctl("daemon-reload")
    return f"{place} is gone; the device's identity stays in its state folder"


def state_of(units: Path = UNITS) -> tuple[bool, str]:
    """Whether the service is as it should be, and a sentence."""
    if not (units / UNIT).exists():
        return True, "it is no service here; fireline-endpoint service install makes it one"
    if not _systemd():
        return True, f"{units / UNIT} is there, but systemd does not run here"
    wanted = ("ActiveState", "UnitFileState", "NRestarts", "ExecMainPID")
    said = _systemctl("show", UNIT, f"--property={','.join(wanted)}")
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    well = (found.get("ActiveState"), found.get("UnitFileState")) == ("active", "enabled")
    words = f"the service is {found.get('ActiveState')} and {found.get('UnitFileState')}"
    started = f"started again {found.get('NRestarts')} times"
    remedy = "" if well else f"; systemctl enable --now {UNIT}"
    return well, f"{words}, pid {found.get('ExecMainPID')}, {started}{remedy}"


def _quoted(word: str) -> str:
    return f'"{word.translate(_QUOTED)}"'


def _write(place: Path, text: str) -> None:
    """Whole or not at all; systemd reads it, so it is no private file."""
    beside = place.with_name(f".{place.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    beside.rename(place)


def _need_root(units: Path) -> None:
    if not os.access(units, os.W_OK):
        raise Refused(f"{units} cannot be written; that takes root, on a host that systemd runs")


def _systemd() -> bool:
    return RUNNING.is_dir()


def _flushes_early() -> bool:
    """Whether that unit may start before sysinit.target, as its own dependencies have it."""
    if not _systemd():
        return False
    wanted = ("LoadState", "DefaultDependencies")
    said = _systemctl("show", FLUSHES, f"--property={','.join(wanted)}")
    return set(said.splitlines()) == {"LoadState=loaded", "DefaultDependencies=no"}


def _systemctl(*words: str) -> str:
    return tools.ran("systemctl", list(words), ASK_S)
