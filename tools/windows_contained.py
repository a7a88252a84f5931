"""The parts of tools/windows_check.py about isolation, restriction, scans and notices.

What changes the machine runs only where it is named (ASKED): it undoes itself, and a process of its
own undoes it after a minute and a half whatever becomes of this one.
"""

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from tools.windows_report import PROGRAM_S, ROOT, NotHere, need_elevation, ran

if TYPE_CHECKING:
    from endpoint_shim.firewall import Plan

REACH_S = 5.0
GIVE_UP_S = 90
BROKER, OTHER = "FIRELINE_CHECK_BROKER", "FIRELINE_CHECK_OTHER"
CALCULATOR = "microsoft.windowscalculator_8wekyb3d8bbwe"
UNDO = f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); time.sleep({GIVE_UP_S}); "
UNDO_ISOLATION = "from endpoint_shim.windows.firewall import *; WindowsFirewall().remove()"
UNDO_RESTRICTION = (
    "from pathlib import Path; from endpoint_shim.windows.restrictor import *; "
    "WindowsRestrictor(Path({state!r})).stop()"
)


class _Undone(Exception):
    """Takes a transaction back."""


def sids_are_windows_own(_: Path) -> str:
    """The SIDs of a service and of an app package, as Windows itself makes them"""
    from endpoint_shim.windows import sids
    from endpoint_shim.windows.accounts import text_of

    said = ran(["sc.exe", "showsid", "Dhcp"], PROGRAM_S)
    assert sids.of_service("Dhcp") in said, (sids.of_service("Dhcp"), said)
    found = ctypes.c_void_p()
    derive = ctypes.WinDLL("userenv").DeriveAppContainerSidFromAppContainerName
    assert derive(ctypes.c_wchar_p(CALCULATOR), ctypes.byref(found)) == 0
    length = ctypes.WinDLL("advapi32").GetLengthSid(found)
    windows = text_of(ctypes.string_at(found.value or 0, length))
    assert windows == sids.of_package(CALCULATOR), windows
    return f"{sids.of_service('Dhcp')}, {windows}"


def the_filtering_engine_takes_every_filter(_: Path) -> str:
    """Isolation: each layer, condition and flag, in one transaction that is taken back"""
    need_elevation()
    from endpoint_shim.windows.filter_engine import Engine
    from endpoint_shim.windows.filter_native import library
    from endpoint_shim.windows.firewall import WindowsFirewall

    with Engine(library()) as engine:
        wanted, left_out = WindowsFirewall().wanted(engine, _everything())
        found = []
        try:
            with engine.transaction():
                engine.clear()
                engine.add_frame("\n".join(left_out))
                for rule in wanted:
                    engine.add(rule)
                found = engine.rules()
                raise _Undone
        except _Undone:
            pass
    given = sorted(rule.line() for rule in wanted)
    read = sorted(rule.line() for rule in found)
    differ = [*(set(given) - set(read)), *(set(read) - set(given))]
    assert not differ, f"{len(differ)} differ, as {differ[:4]}"
    return f"{len(given)} filters were taken, read back as they were given, and taken back"


def isolates_for_real(_: Path) -> str:
    """Isolation: FIRELINE_CHECK_BROKER stays, FIRELINE_CHECK_OTHER (host:port) is cut"""
    need_elevation()
    from endpoint_shim.firewall import Plan
    from endpoint_shim.windows.firewall import WindowsFirewall

    broker, other = _place(BROKER), _place(OTHER)
    firewall = WindowsFirewall()
    with _undone_later(UNDO_ISOLATION), socket.create_connection(other, REACH_S) as open_one:
        plan = Plan(frozenset({(ip_address(broker[0]), broker[1])}), frozenset())
        try:
            table = firewall.apply(plan)
            ended = firewall.cut(plan)
            assert _reaches(broker), "the broker is not reached"
            assert not _reaches(other), "the other place is still reached"
            assert _is_dead(open_one), "an established connection goes on"
        finally:
            firewall.remove()
    assert firewall.read() is None, "something of it is left"
    assert _reaches(other), "the other place is not reached afterwards"
    return f"{table.table.count(chr(10))} filters, {ended} connections ended; nothing is left"


def an_app_control_policy_is_made(folder: Path) -> str:
    """Restriction: the policy of Windows' own samples, converted; not put in force"""
    need_elevation()
    from endpoint_shim.restrictor import known
    from endpoint_shim.windows import control_policy, own_programs, tools
    from endpoint_shim.windows.app_control import AppControl
    from endpoint_shim.windows.blocked import Blocked
    from endpoint_shim.windows.restrictor import SAMPLES, WITH_PATHS
    from endpoint_shim.windows.versions import build

    system32 = tools.system32()
    control = AppControl(system32, folder)
    own = own_programs.found(known(folder).own, by_path=build() >= WITH_PATHS)
    samples = system32.parent / SAMPLES
    texts = {
        "restrict": control_policy.restricting(
            (samples / "AllowMicrosoft.xml").read_bytes(), own, control.name
        ),
        "inactive": control_policy.inactive((samples / "AllowAll.xml").read_bytes(), control.name),
    }
    for name, text in texts.items():
        (folder / f"{name}.xml").write_bytes(text)
        control.convert(folder / f"{name}.xml", folder / f"{name}.bin")
    Blocked(system32 / "wevtutil.exe", control.name).begin()
    size = (folder / "restrict.bin").stat().st_size
    how = "CiTool, beside other policies" if control.many else "the one policy that it knows"
    now = "enforced" if control.is_enforced() else "not enforced"
    return f"{len(own.digests)} programs, {size:,} bytes; by {how}; now it is {now}"


def restricts_for_real(folder: Path) -> str:
    """Restriction: a changed program does not start, Windows' own do, and the end is the end"""
    need_elevation()
    from endpoint_shim.restrictor import known
    from endpoint_shim.windows.restrictor import WindowsRestrictor

    state = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "fireline-check")
    state.mkdir(exist_ok=True)
    changed = folder / "changed.exe"
    system = Path(os.environ["SYSTEMROOT"], "System32/whoami.exe")
    data = bytearray(system.read_bytes())
    data[0x50] ^= 1  # of the text that DOS would show
    changed.write_bytes(data)
    ran([str(changed)], PROGRAM_S)
    restrictor = WindowsRestrictor(state)
    with _undone_later(UNDO_RESTRICTION.format(state=str(state))):
        try:
            proof = restrictor.start(known(folder))
            try:
                ran([str(changed)], PROGRAM_S)
            except OSError as error:
                refused = error
            else:
                raise AssertionError("a changed program started")
            ran([str(system)], PROGRAM_S)
            seen = _waited_for(restrictor.seen)
        finally:
            restrictor.stop()
    ran([str(changed)], PROGRAM_S)
    return f"{proof.by}; {refused.strerror}; told: {seen}; afterwards it starts"


def defender_scans_a_folder(folder: Path) -> str:
    """Scan: Microsoft Defender's own command line on an empty folder"""
    import asyncio

    from commands.language.errors import Refused
    from endpoint_shim.windows import defender

    need_elevation()
    try:
        scan = defender.Scan(defender.program())
    except Refused as error:
        raise NotHere(str(error)) from None
    (folder / "harmless.txt").write_text("nothing")

    async def over() -> None:
        async for _ in scan.run("quick", str(folder)):
            pass

    asyncio.run(over())
    assert not scan.found.error, scan.found.error
    assert not scan.found.detections, scan.found.detections
    return f"{defender.signatures()}; nothing was found"


def a_notice_is_shown(_: Path) -> str:
    """A notice to who is signed in: a window says `Fireline checks its notices`"""
    need_elevation()
    from endpoint_shim.windows import notice

    notice.show("Fireline checks its notices: close this window.")
    return f"told sessions {notice.sessions()}; look whether it is there"


PARTS: tuple[Callable[[Path], str], ...] = (
    sids_are_windows_own,
    the_filtering_engine_takes_every_filter,
    an_app_control_policy_is_made,
    defender_scans_a_folder,
    a_notice_is_shown,
)
ASKED: tuple[Callable[[Path], str], ...] = (isolates_for_real, restricts_for_real)


def _everything() -> "Plan":
    """A plan with every kind of condition, on addresses that are nobody's (RFC 5737, RFC 3849)."""
    from commands.language.wire_contain import Allowance
    from endpoint_shim.firewall import Plan

    rule = Allowance(
        name="all of it", direction="both", network="198.51.100.0/24", protocol="tcp",
        ports=(443, 8443), process=sys.executable, service="Dhcp",
    )  # fmt: skip
    package = Allowance(name="package", package=CALCULATOR, ports=(443,))
    wide = Allowance(name="six", network="2001:db8::/32", protocol="udp")
    missing = Allowance(name="not here", process="no-such-program.exe")
    four, six = ip_address("192.0.2.7"), ip_address("2001:db8::7")
    return Plan(
        brokers=frozenset({(four, 443), (six, 443)}),
        resolvers=frozenset({four, six}),
        rules=(rule, package, wide, missing),
        outer=frozenset({ip_address("203.0.113.1")}),
    )


def _place(name: str) -> tuple[str, int]:
    host, _, port = os.environ.get(name, "").rpartition(":")
    if not host:
        raise NotHere(f"needs {name}=HOST:PORT, which answers by TCP")
    return socket.gethostbyname(host), int(port)


def _reaches(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, REACH_S).close()
    except OSError:
        return False
    return True


def _is_dead(one: socket.socket) -> bool:
    """Neither ends as its peer asks nor brings anything: what was sent is not even confirmed."""
    one.settimeout(REACH_S)
    try:
        one.sendall(b"\r\n")
        return one.recv(1) == b""
    except OSError:
        return True


def _waited_for(seen: Callable[[], object]) -> object:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := seen():
            return found
        time.sleep(0.5)
    return "nothing"


@contextmanager
def _undone_later(what: str) -> Iterator[None]:
    """Also where this process is killed: another does it after GIVE_UP_S."""
    watcher = subprocess.Popen([sys.executable, "-c", UNDO + what])
    try:
        yield
    finally:
        watcher.kill()
