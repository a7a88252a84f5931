"""The system's own side of containment: its packet filter, what restricts programs, its notices."""

import sys
from collections.abc import Callable
from pathlib import Path

from commands.language.enrolment import written_place
from commands.language.names import Name
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Address, Firewall, Plan
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
    from endpoint_shim.linux import firewall

    return firewall.left_out(rules)


def doomed(plan: Plan) -> list[tuple[str, str]]:
    """The near and far ends of the TCP connections that the plan does not let pass."""
    if sys.platform == "win32":
        from endpoint_shim.windows import cutting as cut
    else:
        from endpoint_shim.linux import cut
    return [
        (_place(one.near, one.near_port), _place(one.far, one.far_port)) for one in cut.doomed(plan)
    ]


async def not_startable(sessions: Path) -> list[tuple[int, Name]]:
    """What runs now and could not be started again under a restriction; Refused where this system
    cannot tell. `sessions`: where what responders bring lies."""
    if sys.platform == "win32":
        from endpoint_shim.windows import foreseen
    else:
        from endpoint_shim.linux import foreseen
    return await foreseen.not_startable(sessions)


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


def _place(address: Address, port: int) -> str:
    return written_place(str(address), port)
