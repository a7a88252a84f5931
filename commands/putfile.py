"""`putfile`: a library file onto the device."""

import hashlib
import os
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language.command import (
    ADVANCED,
    HIDDEN,
    NAMED,
    Command,
    DeviceCommand,
    minutes,
)
from commands.language.desk import Desk
from commands.language.errors import Failed, NotUnderstood, Refused
from commands.language.host import Host
from commands.language.items import Item, Sent, Written
from commands.language.names import Name, is_same, last_part, shown


class PutFile(
    DeviceCommand,
    role=ADVANCED,
    group="change",
    limit=minutes(30),
    aliases=("put",),
    changes=True,
    yields=(Written,),
):
    """Put a library file into the session's folder on the device, or at -path.

    It appears there whole or not at all, checked by digest at the far end, never through a link.
    Without -keep or -path it is wiped at the session's end. The same name and digest again sends
    nothing; another digest needs -overwrite.
    """

    name: Annotated[str, "library file, NAME or NAME@VERSION"]
    keep: Annotated[bool, "leave it on the device after the session"] = False
    overwrite: Annotated[bool, "replace a file of another digest"] = False
    path: Annotated[Name | None, "where to put it, whole path with its name", NAMED] = None
    sha256: Annotated[str, HIDDEN] = ""
    version: Annotated[int, HIDDEN] = 0
    size: Annotated[int, HIDDEN] = 0

    async def prepare(self, desk: Desk) -> Command:
        if desk.one_command and not self.keep and self.path is None:
            raise NotUnderstood("putfile in one exec would be wiped at once; add -keep or -path")
        at = f"@{self.version}" if self.version else ""  # for several devices, or approved
        script = await desk.library.resolve(f"{self.name}{at}")
        if self.sha256 not in ("", script.sha256):
            raise Failed(f"{self.name}{at} is not the file that was meant: other bytes")
        return msgspec.structs.replace(
            self, name=script.name, version=script.version, sha256=script.sha256, size=script.size
        )

    def as_typed(self) -> Command:
        return msgspec.structs.replace(self, name=f"{self.name}@{self.version}")

    def input_sha256(self) -> str | None:
        return self.sha256 or None

    def differs(self, item: Sent, folder: Name) -> str:
        if not isinstance(item, Written):
            return ""
        if (item.size, item.sha256) != (self.size, self.sha256):
            return (
                f"{item.size:,} bytes with sha256 {item.sha256} written where {self.size:,} with "
                f"{self.sha256} were sent"
            )
        if not self._is_place(item.path, folder):
            return (
                f"{shown(item.path)} written where {shown(self.path or Name(self.name))} was meant"
            )
        return ""

    def _is_place(self, path: Name, folder: Name) -> bool:
        """In the session's folder it has its own name; among the kept ones -2 and so on with it."""
        if self.path is not None:
            return is_same(folder, self.path, path)
        stem, suffix = os.path.splitext(self.name)
        last = last_part(path)
        return last == self.name or (
            self.keep and last.startswith(f"{stem}-") and last.endswith(suffix)
        )

    async def run(self, host: Host) -> AsyncIterator[Item]:
        name = Name(self.name)
        place = self.path or await host.session.place(name)
        there = await host.files.digest(place)
        if there == self.sha256:
            if self.keep and self.path is None:
                yield Written(await host.session.keep(place), self.size, self.sha256)
            else:
                yield Written(place, self.size, self.sha256, already=True)
            return
        if there is not None and not self.overwrite:
            raise Refused(
                f"{shown(place)} exists with another digest ({there}); -overwrite replaces it"
            )
        writer = await host.files.create(place)
        try:
            digest, size = hashlib.sha256(), 0
            async for piece in host.input():
                digest.update(piece)
                size += len(piece)
                await writer.write(piece)
            if digest.hexdigest() != self.sha256:
                raise Failed(f"{self.name} arrived with another digest; nothing was put")
            place = await writer.finish(overwrite=self.overwrite)
        except BaseException:
            await writer.abandon()
            raise
        if self.keep and self.path is None:
            place = await host.session.keep(place)
        yield Written(place, size, self.sha256)
