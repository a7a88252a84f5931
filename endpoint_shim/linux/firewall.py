"""Isolation on Linux: one nftables table of our own (and one of bridges, where there are any)."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import InForce, Plan
from endpoint_shim.linux import cut, isolation_table, nft

CGROUPS = Path("/sys/fs/cgroup")
INTERFACES = Path("/sys/class/net")
TRIES = 5
"""How often rules that somebody takes away at once are put in force before that is a failure."""
DEEP = 4
"""How far below system.slice a unit's group may lie."""


class LinuxFirewall:
    """`endpoint_shim.firewall.Firewall`."""

    def apply(self, plan: Plan) -> InForce:
        units = isolation_table.services(plan.rules)
        # Of a unit that does not run now there is nothing to let pass: its rules are left out, for
        # what cannot be made whole must not stay undone.
        groups = {unit: group for unit in units if (group := _group(unit))}
        # A bridge made later is noticed with the next plan; forwarding by routes always is dropped.
        bridges = _bridges()
        rules = isolation_table.text(plan, groups, bridges=bridges)
        for _ in range(TRIES):
            nft.put(rules)
            if (now := self.read()) is not None:
                return replace(now, again=isolation_table.text(plan, {}, bridges=bridges))
        raise Failed(f"the rules were gone {TRIES} times as soon as they were there")

    def cut(self, plan: Plan) -> int:
        return cut.end(plan)

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


def _bridges() -> bool:
    return any((INTERFACES / name / "bridge").is_dir() for name in os.listdir(INTERFACES))


def check(rules: tuple[Allowance, ...]) -> None:
    """Raises Failed for what cannot be let pass here; before anything is put in force."""
    isolation_table.check(rules)
    for unit, rule in isolation_table.services(rules).items():
        if not (CGROUPS / "cgroup.controllers").exists():
            raise Failed(f"the rule {rule} names a service, which takes cgroup v2 at {CGROUPS}")
        if not _group(unit):
            raise Failed(f"the rule {rule}: the unit {unit} does not run here; start it first")


def _group(unit: str) -> str:
    """Where a unit's processes are, below cgroup v2's root, which nft looks for in one place."""
    root = CGROUPS / "system.slice"
    for folder, below, _ in os.walk(root):
        if unit in below:
            return str((Path(folder) / unit).relative_to(CGROUPS))
        if len(Path(folder).relative_to(root).parts) >= DEEP:
            below.clear()
    return ""
