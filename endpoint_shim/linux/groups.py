"""Chooses the surest groups that this system lets the shim have."""

from pathlib import Path

from endpoint_shim.groups import Group, Groups
from endpoint_shim.linux.cgroup import cgroups, worker_group
from endpoint_shim.linux.tree import Tree, Trees, become_subreaper


def open_groups(state: Path) -> Groups:
    """Cgroups, or the weaker kind with the reason."""
    found = cgroups(state)
    return Trees(found) if isinstance(found, str) else found


def join_group(place: str) -> Group:
    """In a worker: its own group, under which its commands have theirs."""
    if place:
        return worker_group(place)
    become_subreaper()
    return Tree(0, with_root=True)
