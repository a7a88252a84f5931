"""Terminals on Windows: not built yet, and said so; the next slice opens a ConPTY."""

import sys

from commands.language.errors import Refused
from commands.language.host.terminal import Terminal
from commands.language.names import Name
from endpoint_shim.groups import Group

assert sys.platform == "win32"


class WindowsTerminals:
    """Refuses."""

    def __init__(self, group: Group, folder: Name, prefix: tuple[str, ...]) -> None:
        self._group = group
        self._folder = folder
        self._prefix = prefix

    async def open(
        self, columns: int, rows: int, line: bytes | None = None, *, home: bool = False
    ) -> Terminal:
        raise Refused("a terminal on Windows devices is not built yet")

    async def open_plain(self, line: bytes | None = None, *, home: bool = False) -> Terminal:
        raise Refused("a shell on Windows devices is not built yet")
