"""Isolation on Linux: one nftables table of our own (and one of bridges, where there are any)."""

import functools
import hashlib
import os
from dataclasses import replace
from pathlib import Path

from commands.language import wire_contain
from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import InForce, Plan
from endpoint_shim.linux import cut, isolation_table, nft, program_pass, resolvers
from endpoint_shim.linux.allowed_programs import AllowedPrograms
from endpoint_shim.linux.pass_groups import CGROUPS
from endpoint_shim.linux.program_pass import ProgramPass

INTERFACES = Path("/sys/class/net")
TRIES = 5
"""How often rules that somebody takes away at once are put in force before that is a failure."""
TRY = "fireline_try"
DEEP = 4
"""How far below system.slice a unit's group may lie."""
RESOLVED = "systemd-resolved.service"
_FINDER = AllowedPrograms()


class LinuxFirewall:
    """`endpoint_shim.firewall.Firewall`."""

    @functools.cached_property
    def _programs(self) -> ProgramPass:
        return ProgramPass(_FINDER)

    def apply(self, plan: Plan) -> InForce:
        units = isolation_table.services(plan.rules)
        # Of a unit that does not run now there is nothing to let pass: its rules are left out, for
        # what cannot be made whole must not stay undone.
        groups: dict[str, tuple[str, ...]] = {
            unit: (group,) for unit in units if (group := _group(unit))
        }
        if isolation_table.selectors(plan.rules):
            if self.read() is None:
                _put(plan, groups)  # to find the programs may take as long as to read them whole
            groups |= self._programs.begin(plan.rules)
        for _ in range(TRIES):
            bridges = _put(plan, groups)
            if (now := self.read()) is not None:
                break
        else:
            raise Failed(f"the rules were gone {TRIES} times as soon as they were there")
        if not isolation_table.selectors(plan.rules):
            self._programs.end()
        return replace(now, again=isolation_table.text(plan, {}, bridges=bridges))

    def cut(self, plan: Plan) -> int:
        return cut.end(plan, self._programs.numbers())

    def read(self) -> InForce | None:
        there = nft.families(isolation_table.NAME)
        while "inet" in there:
            try:
                table = "".join(
                    nft.listed(one, isolation_table.NAME) for one in sorted(there)[::-1]
                )
            except Failed:
                before, there = there, nft.families(isolation_table.NAME)
                if there == before:
                    raise
                continue  # somebody took one away between the two looks
            return InForce(table, hashlib.sha256(table.encode()).hexdigest())
        return None

    def remove(self) -> None:
        if there := nft.families(isolation_table.NAME):
            nft.put(isolation_table.removal(there))
        self._programs.end()


def _put(plan: Plan, groups: dict[str, tuple[str, ...]]) -> bool:
    """Whether with what bridges pass on."""
    bridges = _bridges()
    nft.put(isolation_table.text(plan, groups, bridges=bridges))
    return bridges


def _bridges() -> bool:
    """Always where the kernel can, for a bridge may be made later; where it cannot, and there is
    one, that is a failure."""
    try:
        _try_bridges()
    except Failed:
        return any((INTERFACES / name / "bridge").is_dir() for name in os.listdir(INTERFACES))
    return True


@functools.cache
def _try_bridges() -> None:
    """Raises Failed where this kernel filters none; by a table that is gone at once."""
    nft.put(f"table bridge {TRY}\ndelete table bridge {TRY}\n")


def check(rules: tuple[Allowance, ...]) -> None:
    """Raises Failed for what cannot be let pass here; before anything is put in force."""
    isolation_table.check(rules)
    for unit, rule in isolation_table.services(rules).items():
        if not (CGROUPS / "cgroup.controllers").exists():
            raise Failed(f"the rule {rule} names a service, which takes cgroup v2 at {CGROUPS}")
        if not _group(unit):
            raise Failed(f"the rule {rule}: the unit {unit} does not run here; start it first")


def left_out(rules: tuple[Allowance, ...]) -> str:
    """Which of them let nothing pass here, and why; empty where all have something to be for."""
    if not isolation_table.selectors(rules):
        return wire_contain.left_out(rules)
    whys: dict[str, list[str]] = {}
    for rule in rules:
        if rule.of_windows:
            whys.setdefault("of Windows", []).append(rule.name)
    for name, why in program_pass.left_out(_FINDER, rules):
        names = whys.setdefault(why, [])
        if name not in names:
            names.append(name)
    said = "; ".join(f"{wire_contain.few(names)} ({why})" for why, names in whys.items())
    out = {name for names in whys.values() for name in names}
    left = (
        "left out: " if any(rule.name not in out for rule in rules) else wire_contain.NONE_APPLIES
    )
    return "; ".join(
        part for part in (f"{left}{said}" if said else "", _nameless(rules, out)) if part
    )


def _nameless(rules: tuple[Allowance, ...], out: set[str]) -> str:
    """Whether programs that may pass have nobody to ask for names."""
    some = any(isolation_table.selector(rule) and rule.name not in out for rule in rules)
    if not some or not _group(RESOLVED) or RESOLVED in isolation_table.services(rules):
        return ""
    asked = resolvers.asked()
    if not asked or any(not one.is_loopback for one in asked):
        return ""
    return "no rule lets systemd-resolved ask, so its programs find no names here"


def _group(unit: str) -> str:
    """Where a unit's processes are, below cgroup v2's root, which nft looks for in one place."""
    root = CGROUPS / "system.slice"
    for folder, below, _ in os.walk(root):
        if unit in below:
            return str((Path(folder) / unit).relative_to(CGROUPS))
        if len(Path(folder).relative_to(root).parts) >= DEEP:
            below.clear()
    return ""
