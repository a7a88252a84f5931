"""The system's own side of containment: its packet filter, what restricts programs, its notices."""

import sys
from collections.abc import Callable
from pathlib import Path

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Firewall
from endpoint_shim.restrictor import Restrictor


def firewall() -> Firewall:
    """What isolates here."""
    if sys.platform == "win32":
        from endpoint_shim.windows.firewall import WindowsFirewall

        return WindowsFirewall()
    from endpoint_shim.linux.firewall import LinuxFirewall

    return LinuxFirewall()


def watch(rules: Callable[[], None], ways: Callable[[], None]) -> None:
    """Calls them at once where the system tells that its rules, or the ways of packets, changed;
    a look each second, and each minute, sees it anyhow."""
    if sys.platform != "win32":
        from endpoint_shim.linux import kernel_events

        kernel_events.watch(rules, ways)


def check(rules: tuple[Allowance, ...]) -> None:
    """Raises Failed for a rule that this system cannot match, before anything is in force."""
    if sys.platform != "win32":
        from endpoint_shim.linux import firewall

        firewall.check(rules)


def left_out(rules: tuple[Allowance, ...]) -> str:
    """What of a selective isolation has nothing here to be for; Windows says it in its table."""
    if sys.platform == "win32":
        return ""
    from endpoint_shim.linux import isolation_table

    return isolation_table.left_out(rules)


def restrictor(state: Path) -> Restrictor:
    """What restricts here."""
    if sys.platform == "win32":
        from endpoint_shim.windows.restrictor import WindowsRestrictor

        return WindowsRestrictor(state)
    from endpoint_shim.linux.restrictor import LinuxRestrictor

    return LinuxRestrictor(state)


def notify(text: str) -> None:
    """Tells whoever is signed in; that nobody can be told is no failure."""
    if sys.platform == "win32":
        from endpoint_shim.windows import notice
    else:
        from endpoint_shim.linux import notice
    notice.show(text)
