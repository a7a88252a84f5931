"""The tree at `you~NAME@broker`: one device's own, as a stock sftp server there would show it.

1. `/` is the device's `/`; on Windows it holds the drives, `/C:/Users/…`, as Windows' own OpenSSH
   has it. A path that does not begin with `/` is seen from the account's home.
2. It is the same tree under the same rules and records; only the names of its places differ.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.language.names import to_bytes, to_units
from server.doors.sftp_answers import no_such_file
from server.doors.sftp_paths import DeviceTop, OnDevice, Place, walked, whole
from server.doors.sftp_tree import Tree
from server.live.inventory import Device
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

_DRIVE = re.compile(rb"([A-Za-z]):?")


class DeviceTree(Tree):
    """Of one device."""

    def __init__(
        self, broker: "Rooms", responder: Responder, tell: Callable[[str], None], device: Device
    ) -> None:
        super().__init__(broker, responder, tell)
        self._device = device
        self._home: bytes | None = None

    async def whole(self, path: bytes) -> bytes:
        if not path.startswith(b"/"):
            on_drive = self._is_windows and path[1:2] == b":"
            path = b"/" + path if on_drive else await self._at_home() + b"/" + path
        return whole(path)

    async def _place(self, path: bytes) -> Place:
        parts = walked(await self.whole(path))
        name = self._device.name
        if not self._is_windows:
            return OnDevice(name, "root", b"/".join(parts))
        if not parts:
            return DeviceTop(name)
        if (drive := _DRIVE.fullmatch(parts[0])) is None:
            raise no_such_file()
        return OnDevice(name, drive[1].decode("ascii"), b"/".join(parts[1:]))

    def _drive_name(self, name: bytes) -> bytes:
        return name + b":"

    @property
    def _is_windows(self) -> bool:
        return self._device.platform == "windows"

    async def _at_home(self) -> bytes:
        """The device says where that is, and is asked once."""
        if self._home is None:
            home = await self._files(self._device).home()
            if self._is_windows:
                self._home = b"/" + to_units(home).replace("\\", "/").encode("utf-8", "replace")
            else:
                self._home = to_bytes(home)
        return self._home
