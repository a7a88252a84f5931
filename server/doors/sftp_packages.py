"""`/packages` for one SFTP connection: every package that the person may see, and the keys that
their signatures are checked with.

1. Seen is what `/evidence` shows of its session; reading one is journaled as there.
2. `allowed_signers` is the broker's own record of the devices' keys, never what a package says: a
   line for each device that the person may see. Of a revoked device it is a comment, for whoever
   holds its key now is not known.
"""

import asyncio
import os
import tempfile
from typing import TYPE_CHECKING

import asyncssh

from server.audit.records import Note
from server.doors import sftp_answers as answers
from server.doors.sftp_desk import SftpDesk
from server.doors.sftp_stored import OpenStored
from server.evidence import packages
from server.evidence.packages import Package
from server.evidence.shelf import LISTED, Shelf
from server.identity.access import may_see
from server.live.file_record import FileRecord, SentBytes
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

SIGNERS = "allowed_signers"
NAMESPACE = "fireline-package"


class PackagesBranch:
    """What lies in sessions' evidence, under names of its own."""

    def __init__(self, broker: "Rooms", responder: Responder, desk: SftpDesk, shelf: Shelf) -> None:
        self._broker, self._responder = broker, responder
        self._desk, self._shelf = desk, shelf

    async def files(self) -> list[asyncssh.SFTPName]:
        (await self._desk.record()).once("list", "/packages")
        found = [answers.named(SIGNERS.encode(), await self._signers_attrs())]
        for package in (await packages.kept(self._broker.store))[:LISTED]:
            if await self._shelf.may_see(self._responder.person, package.session):
                try:
                    facts = await asyncio.to_thread(self._facts, package)
                except FileNotFoundError:
                    continue  # its record is there, its file is not: verify names it
                found.append(answers.named(package.name.encode(), answers.of_stored(facts)))
        return found

    async def attrs(self, name: str) -> asyncssh.SFTPAttrs:
        if name == SIGNERS:
            (await self._desk.record()).once("stat", f"/packages/{name}")
            return await self._signers_attrs()
        package, record = await self._seen(name)
        record.once("stat", f"/packages/{name}")
        return answers.of_stored(await asyncio.to_thread(self._facts, package))

    async def open(self, name: str) -> OpenStored:
        if name == SIGNERS:
            return await self._open_signers()
        package, _ = await self._seen(name)
        desk, record = await self._desk.opened()
        person, path = self._responder.person, f"/packages/{name}"
        descriptor = await asyncio.to_thread(self._shelf.open, package.session, package.file)
        try:
            await desk.journal.append(Note(text=f"{person} reads {path} by sftp"))
            return OpenStored(
                descriptor,
                SentBytes(record, path),
                lambda: self._shelf.may_see(person, package.session),
            )
        except BaseException:
            os.close(descriptor)
            raise

    async def _seen(self, name: str) -> tuple[Package, FileRecord]:
        """The package and the record to write to, if it is one that the person may see."""
        package = packages.named(name)
        if package is None or not await self._shelf.may_see(
            self._responder.person, package.session
        ):
            raise answers.no_such_file()
        if package not in await packages.kept(self._broker.store, package.session):
            raise answers.no_such_file()
        return package, await self._desk.record()

    def _facts(self, package: Package) -> os.stat_result:
        descriptor = self._shelf.open(package.session, package.file)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    # The keys.
    async def _signers_attrs(self) -> asyncssh.SFTPAttrs:
        attrs = answers.of_nothing()
        attrs.size = len(self._signers())
        return attrs

    async def _open_signers(self) -> OpenStored:
        _, record = await self._desk.opened()
        with tempfile.TemporaryFile(buffering=0) as file:
            file.write(self._signers())
            descriptor = os.dup(file.fileno())

        async def always() -> bool:
            return True

        return OpenStored(descriptor, SentBytes(record, f"/packages/{SIGNERS}"), always)

    def _signers(self) -> bytes:
        """For `ssh-keygen -Y verify -I DEVICE -n fireline-package`."""
        rules, person = self._broker.access.rules, self._responder.person
        lines = [f"# The devices' keys as this broker enrolled them, namespace {NAMESPACE}."]
        for device in self._broker.inventory.all():
            if device.ssh_key and may_see(rules, person, device.ref):
                mark = "# revoked: " if device.revoked else ""
                lines.append(f'{mark}{device.name} namespaces="{NAMESPACE}" {device.ssh_key}')
        return "".join(f"{line}\n" for line in lines).encode()
