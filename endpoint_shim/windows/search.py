"""A search by name: what of a walk matches a glob, as rows; all local drives without a start."""

import contextlib
import fnmatch
import re
import sys
from collections.abc import Generator

from commands.language.errors import NotUnderstood
from commands.language.host.files import FileRow
from commands.language.names import to_units, typed
from endpoint_shim.windows import drives
from endpoint_shim.windows.listing import allowed_row
from endpoint_shim.windows.paths import PathPolicy
from endpoint_shim.windows.walk import Walk

assert sys.platform == "win32"


def compiled(pattern: str) -> "re.Pattern[str]":
    """The glob as an expression over names, in any case: NTFS finds `README` as `readme`."""
    plain = to_units(typed(pattern)) if pattern.startswith("raw:") else pattern
    if not plain or "/" in plain or "\\" in plain:
        raise NotUnderstood("findfile takes a name without folders; -path says where it searches")
    return re.compile(fnmatch.translate(plain), re.IGNORECASE)


class Search:
    """One search; `rows` is its only use."""

    def __init__(self, pattern: str, start: str | None, policy: PathPolicy) -> None:
        self._wanted = compiled(pattern).match
        self._policy = policy
        self._foreign: dict[str, int] = {}
        if start is not None:
            self._walk = Walk([start], policy)
            return
        found = drives.drives()
        self._foreign = {one: kind for one, kind in found.items() if kind not in drives.LOCAL}
        self._walk = Walk([f"{one}:\\" for one in found if one not in self._foreign], policy)

    def rows(self) -> Generator[FileRow | str, None, None]:
        """What matches, as it is found; at the end what was left out."""
        with contextlib.closing(self._walk.entries()) as entries:
            for entry in entries:
                if self._wanted(entry.facts.name):
                    yield allowed_row(entry.path, entry.facts, self._policy)
        for letter, kind in self._foreign.items():
            self._walk.left_out.elsewhere(f"{letter}:\\", drives.KINDS.get(kind, "unknown"))
        yield from self._walk.left_out.sentences()
