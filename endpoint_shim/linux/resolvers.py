"""The name servers that this Linux device is set up to ask, and its own list of names."""

import contextlib
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

RESOLV = Path("/etc/resolv.conf")
BEHIND = (
    Path("/run/systemd/resolve/resolv.conf"),
    Path("/run/NetworkManager/no-stub-resolv.conf"),
    Path("/run/NetworkManager/resolv.conf"),
    Path("/run/dnsmasq/resolv.conf"),
)
"""Whom a resolver on this device itself asks: its own questions do not pass an isolation."""
HOSTS = Path("/etc/hosts")
LONGEST = 1024 * 1024


def servers() -> list[IPv4Address | IPv6Address]:
    """Those beyond this device, in their order."""
    found = [one for path in (RESOLV, *BEHIND) for one in of_text(_text(path))]
    return list(dict.fromkeys(one for one in found if not one.is_loopback))


def asked() -> list[IPv4Address | IPv6Address]:
    """Those that programs ask, on this device or beyond it."""
    return of_text(_text(RESOLV))


def suffixes() -> list[str]:
    """What is tried behind a name without a dot."""
    words = [line.split() for line in _text(RESOLV).splitlines()]
    lists = [line[1:] for line in words if line and line[0] in ("search", "domain")]
    return lists[-1][:6] if lists else []


def hosts(name: str) -> list[IPv4Address | IPv6Address]:
    """What /etc/hosts has for a name."""
    found = []
    for line in _text(HOSTS).splitlines():
        words = line.partition("#")[0].split()
        if name.lower() in map(str.lower, words[1:]):
            with contextlib.suppress(ValueError):
                found.append(ip_address(words[0]))
    return found


def of_text(text: str) -> list[IPv4Address | IPv6Address]:
    """The name servers of a resolv.conf."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(ip_address(words[1].partition("%")[0]))
    return found


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST)
    except OSError:
        return ""
