"""Programs on Windows: not built yet, and said so; the next slice starts them in a job."""

import sys
from collections.abc import Sequence

from commands.language.errors import Refused
from commands.language.host.programs import Program
from commands.language.names import Name
from endpoint_shim.groups import Group

assert sys.platform == "win32"


class WindowsPrograms:
    """Refuses."""

    def __init__(self, session_folder: Name, group: Group) -> None:
        self._session_folder = session_folder
        self._group = group

    async def start(self, script: Name, arguments: Sequence[str]) -> Program:
        raise Refused("running scripts on Windows devices is not built yet")

    def page(self) -> str:
        return "utf-8"
