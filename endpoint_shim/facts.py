"""What a device says of itself, without a call that may hang: read once, from memory of the system.

Who is signed in needs look-ups that may wait for a network, so a worker finds it (pipe.Found).
"""

import contextlib
import hashlib
import os
import platform
import sys
import time
from pathlib import Path

from commands.language import wire
from commands.language.command import DeviceCommand, TerminalCommand, discover
from commands.language.declared import digest

NUMBERS = (Path("/sys/class/dmi/id/product_uuid"), Path("/etc/machine-id"))


def read(weaker_stop: str, tags: tuple[str, ...] = ()) -> wire.Facts:
    """The facts that Hello carries."""
    return wire.Facts(
        platform="windows" if sys.platform == "win32" else "linux",
        system=_system()[:256],
        host=platform.node()[:256],
        architecture=platform.machine()[:256],
        boot_ms=_boot_ms(),
        runs_as=_runs_as(),
        tags=tags,
        weaker_stop=weaker_stop[:256],
        machine=_machine(),
    )


def clock_ms() -> int:
    """The device's own clock, which may be wrong: for the broker to compare, never to order by."""
    return time.time_ns() // 1_000_000


def clock_ahead_ms() -> int:
    """How far it is from the monotonic clock; another value later means that it was set."""
    return clock_ms() - time.monotonic_ns() // 1_000_000


def declarations() -> dict[str, str]:
    """The digest of each declaration that a device runs, for a broker that may differ."""
    return {
        word: digest(declared)
        for word, declared in discover().items()
        if issubclass(declared, DeviceCommand | TerminalCommand) or declared.spec.queued
    }


def _system() -> str:
    if sys.platform == "win32":
        return f"Windows {platform.win32_ver()[1]}"
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        name = "Linux"
    return f"{name}, kernel {platform.release()}"


def _machine() -> str:
    """The hardware's own number, and that of the system's installation; never told themselves."""
    found = []
    for path in NUMBERS:
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().strip().lower())
    return hashlib.sha256(b"fireline\0" + b"\0".join(found)).hexdigest()[:32] if found else ""


def _runs_as() -> str:
    """Without a look-up of names, which may wait for a network."""
    if sys.platform == "win32":
        return ""
    return "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"


def _boot_ms() -> int:
    if sys.platform == "win32":
        return max(0, clock_ahead_ms())
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1]) * 1000
    return 0
