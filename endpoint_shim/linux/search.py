"""A search by name: what of a walk matches a glob, as rows."""

import contextlib
import fnmatch
import os
import re
from collections.abc import Generator

from commands.language.errors import NotUnderstood
from commands.language.host.files import FileRow
from commands.language.names import to_bytes, typed
from endpoint_shim.linux.paths import PathPolicy
from endpoint_shim.linux.rows import row_of, row_of_mount
from endpoint_shim.linux.walk import Walk


def compiled(pattern: str) -> "re.Pattern[str]":
    """The glob as an expression over os.fsdecode'd names."""
    plain = os.fsdecode(to_bytes(typed(pattern))) if pattern.startswith("raw:") else pattern
    if "/" in plain or not plain:
        raise NotUnderstood("findfile takes a name without folders; -path says where it searches")
    return re.compile(fnmatch.translate(plain))


class Search:
    """One search; `rows` is its only use."""

    def __init__(self, pattern: str, start: bytes, policy: PathPolicy) -> None:
        self._wanted = compiled(pattern).match
        self._policy = policy
        self._walk = Walk(start, policy)

    def rows(self) -> Generator[FileRow | str, None, None]:
        """What matches, as it is found; at the end what was left out."""
        with contextlib.closing(self._walk.entries()) as entries:
            for entry in entries:
                if not self._wanted(os.fsdecode(entry.name)):
                    continue
                if entry.mount is not None:
                    yield row_of_mount(entry.path, entry.mount)
                else:
                    yield row_of(entry.name, entry.folder, entry.path, self._policy)
        yield from self._walk.left_out.sentences()
