"""The name servers that this Windows device is set up to ask, and its own list of names."""

import contextlib
import os
import sys
import winreg
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

assert sys.platform == "win32"

SERVICES = r"SYSTEM\CurrentControlSet\Services"
PLACES = (rf"{SERVICES}\Tcpip\Parameters", rf"{SERVICES}\Tcpip6\Parameters")
LONGEST = 1024 * 1024


def servers() -> list[IPv4Address | IPv6Address]:
    """Those of every interface, set by hand before those of DHCP."""
    found = []
    for text in _values(("NameServer", "DhcpNameServer")):
        for word in text.replace(",", " ").split():
            with contextlib.suppress(ValueError):
                found.append(ip_address(word.partition("%")[0]))
    return list(dict.fromkeys(one for one in found if not one.is_loopback))


def suffixes() -> list[str]:
    """What is tried behind a name without a dot."""
    texts = _values(("SearchList", "Domain", "DhcpDomain"))
    found = [word for text in texts for word in text.replace(",", " ").split()]
    return list(dict.fromkeys(found))[:6]


def hosts(name: str) -> list[IPv4Address | IPv6Address]:
    """What the system's `hosts` file has for a name."""
    root = Path(os.environ.get("SYSTEMROOT", "C:\\Windows"))
    found = []
    try:
        with (root / "System32/drivers/etc/hosts").open(errors="replace") as file:
            lines = file.read(LONGEST).splitlines()
    except OSError:
        return []
    for line in lines:
        words = line.partition("#")[0].split()
        if name.lower() in map(str.lower, words[1:]):
            with contextlib.suppress(ValueError):
                found.append(ip_address(words[0]))
    return found


def _values(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        for place in PLACES:
            for key in (place, *_interfaces(place)):
                with (
                    contextlib.suppress(OSError),
                    winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as one,
                ):
                    yield str(winreg.QueryValueEx(one, name)[0])


def _interfaces(place: str) -> list[str]:
    found: list[str] = []
    with (
        contextlib.suppress(OSError),
        winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{place}\Interfaces") as root,
    ):
        while len(found) < 256:  # EnumKey raises OSError behind the last
            found.append(rf"{place}\Interfaces\{winreg.EnumKey(root, len(found))}")
    return found
