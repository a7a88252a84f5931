"""Isolation by the Windows Filtering Platform: a provider, a sublayer, and the filters in it.

Persistent and boot-time filters both: the device is isolated from the moment that its network is
there, with the shim's service or without. Nothing that others have in the engine is touched.
"""

import ctypes
import hashlib
import json
import ntpath
import os
import sys
from collections.abc import Callable, Iterable, Sequence

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import InForce, Plan
from endpoint_shim.windows import cutting, filter_native, filter_values, known_programs, sids
from endpoint_shim.windows.accounts import own_sid
from endpoint_shim.windows.filter_engine import Engine, Frame
from endpoint_shim.windows.filter_rules import Allowed, Rule, Shim, network, rules
from endpoint_shim.windows.processes import own_image
from endpoint_shim.windows.versions import build, need

assert sys.platform == "win32"

FULL, SELECTIVE = 15063, 16299
MATCHED = "O:SYG:SYD:(A;;CCRC;;;{sid})"
"""Whose token it allows is matched (FWP_ACTRL_MATCH_FILTER is CC); as Windows' own rules do it."""


class WindowsFirewall:
    """endpoint_shim/firewall.py's Firewall."""

    def __init__(
        self, library: ctypes.WinDLL | None = None, here: Callable[[], int] = build
    ) -> None:
        self._library = library or filter_native.library()
        self._here = here

    def apply(self, plan: Plan) -> InForce:
        need(FULL, "isolation", self._here())
        if plan.rules:
            need(SELECTIVE, "selective isolation", self._here())
        with Engine(self._library) as engine:
            wanted, left_out = self.wanted(engine, plan)
            with engine.transaction():
                engine.clear()
                engine.add_frame("\n".join(left_out))
                for rule in wanted:
                    engine.add(rule)
            frame, found = _read(engine)
        # Boot-time filters count at the next start, whether or not the engine lists them now.
        kept = {rule.line() for rule in wanted if not rule.boot}
        lacking = kept - {rule.line() for rule in found}
        if lacking:
            raise Failed(
                f"the Windows Filtering Platform took {len(wanted)} filters, and {len(lacking)} of "
                f"them are not as they were given, such as {min(lacking)}"
            )
        return _told(frame, found)

    def wanted(self, engine: Engine, plan: Plan) -> tuple[list[Rule], list[str]]:
        """The plan's filters on this device, and which rules have nothing here to be for."""
        shim = Shim(
            program=_named(engine, own_image()),
            account=filter_values.normal(MATCHED.format(sid=own_sid())),
            services=_named(engine, rf"{os.environ['SYSTEMROOT']}\System32\svchost.exe"),
        )
        allowed: list[Allowed] = []
        left_out = []
        for rule in plan.rules:
            found, why = _meant(engine, rule)
            allowed += found
            if not found:
                left_out.append(f"rule {json.dumps(rule.name)}: {json.dumps(why)}")
        return rules(plan, shim, allowed), left_out

    def cut(self, plan: Plan) -> int:
        return cutting.cut(plan)

    def read(self) -> InForce | None:
        with Engine(self._library) as engine:
            frame, found = _read(engine)
        return None if frame is None and not found else _told(frame, found)

    def remove(self) -> None:
        with Engine(self._library) as engine, engine.transaction():
            engine.clear()


def _read(engine: Engine) -> tuple[Frame | None, list[Rule]]:
    with engine.transaction(read_only=True):
        return engine.frame(), engine.rules()


def _told(frame: Frame | None, found: list[Rule]) -> InForce:
    table = shown(frame, found)
    return InForce(table, hashlib.sha256(table.encode()).hexdigest())


def shown(frame: Frame | None, found: Iterable[Rule]) -> str:
    """A line for the sublayer, one for each note, and one for each filter."""
    if frame is None:
        return "\n".join(["no sublayer", *sorted(one.line() for one in found)])
    head = f"sublayer of weight {frame.weight}, flags {frame.flags:#x}"
    return "\n".join([*frame.notes.splitlines(), head, *sorted(one.line() for one in found)])


def _named(engine: Engine, path: str) -> str:
    found = engine.program(path)
    if found is None:
        raise Failed(f"the Windows Filtering Platform knows no program {path}")
    return found


def _meant(engine: Engine, rule: Allowance) -> tuple[list[Allowed], str]:
    """What a rule is for on this device, or why there is nothing: nothing is opened then."""
    if rule.network:
        network(rule.name, rule.network)
    account = ""
    if rule.service:
        account = filter_values.normal(MATCHED.format(sid=sids.of_service(rule.service)))
    if not rule.process and not rule.package:
        return [Allowed(rule, account=account)], ""
    if not rule.package:
        programs, why = _programs(engine, *known_programs.places(rule.process))
        return [Allowed(rule, programs, account)] if programs else [], why
    places, why = known_programs.of_package(rule.package)
    if rule.process:
        file = ntpath.basename(rule.process).lower()
        places = [one for one in places if ntpath.basename(one).lower() == file]
        why = why or f"no program {rule.process} in the package {rule.package}"
    programs, why = _programs(engine, places, why)
    if not programs:
        return [], why
    # One that runs in the package's own container, and one that does not.
    contained = Allowed(
        rule, programs if rule.process else (), account, sids.of_package(rule.package)
    )
    return [contained, Allowed(rule, programs, account)], ""


def _programs(engine: Engine, places: Sequence[str], why: str) -> tuple[tuple[str, ...], str]:
    found = map(engine.program, places)
    known = tuple(one for one in found if one is not None)
    return known, "" if known else why or f"no {' or '.join(places)} on this device"
