"""The library: names and versions in the store, bytes by digest beside it.

1. A version's bytes never change and are never removed: a record names them by digest.
2. A name is plain: `[A-Za-z0-9][A-Za-z0-9._ +-]{0,127}`, found whatever its case.
3. What may not run as it is on its platform is said when it is added, never enforced.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from commands.language.desk.library import LibraryLogRow, LibraryRow, Script
from commands.language.errors import Failed, NotUnderstood, Refused
from commands.language.items import Time
from commands.language.line import nearest
from commands.language.visible import visible
from server.audit import clock
from server.audit.folders import sync_folder
from server.audit.journal import JournalWriter, decode
from server.audit.records import LibraryChanged
from server.live.manifest import Manifest, noticed
from server.store import library, records
from server.store.sqlite import Store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ +-]{0,127}")
PIECE = 65_536
BLOCK = 1 << 20
"""Read and hashed at once, in a thread, while the block before it is sent."""


class LibraryRoom:
    """All library files of this broker."""

    def __init__(self, store: Store, journal: JournalWriter, folder: Path, limit: int) -> None:
        self._store, self._journal, self._folder, self._limit = store, journal, folder, limit
        self.known: dict[str, str] = {}
        """Names and their descriptions, for completion; as of the last change here."""

    async def rows(self) -> list[LibraryRow]:
        """The newest version of every name."""
        newest = {v.name.lower(): v for v in await library.versions(self._store)}
        rows = [_row(newest[name]) for name in sorted(newest)]
        self.known = {row.name: row.description for row in rows}
        return rows

    async def names(self) -> list[str]:
        return [row.name for row in await self.rows()]

    async def version(self, name: str) -> LibraryRow:
        """What `NAME` or `NAME@VERSION` means now."""
        return _row(await self._meant(name))

    async def resolve(self, name: str, person: str) -> Script:
        """The same, as what is run or put, and whether this person knows it."""
        version = await self._meant(name)
        manifest = _manifest(version.manifest)
        ran = await library.last_run(self._store, person, version.name)
        return Script(
            version.name,
            version.version,
            version.size,
            version.sha256,
            version.added_by,
            ran is not None and ran != version.version,
            manifest.success_codes,
            manifest.platform,
        )

    async def _meant(self, name: str) -> library.StoredVersion:
        plain, _, wanted = name.partition("@")
        if wanted and not (wanted.isascii() and wanted.isdigit()):
            raise NotUnderstood(f"{visible(name)}: a version is a number, as in {visible(plain)}@2")
        every = await library.versions(self._store)
        of_name = [v for v in every if v.name.lower() == plain.lower()]
        if not of_name:
            near = nearest(plain.lower(), sorted({v.name for v in every}))
            hint = f"; nearest: {near}" if near else "; library lists what there is"
            if not near and ("/" in plain or "\\" in plain):
                hint = "; a file of your own goes there first: ssh … 'library add NAME' < FILE"
            raise Failed(f"no {visible(plain)[:80]} in the library{hint}")
        found = [v for v in of_name if not wanted or v.version == int(wanted)]
        if not found:
            raise Failed(f"{of_name[-1].name} has no version {wanted}; library lists the newest")
        return found[-1]

    async def log(self, name: str | None) -> list[LibraryLogRow]:
        """What the broker's journal says of the library, with how often each version was run."""
        runs = await library.runs(self._store)
        rows = []
        for record in map(decode, await records.library_changes(self._store)):
            body = record.body
            if not isinstance(body, LibraryChanged):
                continue
            if name is not None and body.name.lower() != name.partition("@")[0].lower():
                continue
            added = body.what == "added"
            count, last = runs.get((body.name.lower(), body.version), (0, ""))
            rows.append(
                LibraryLogRow(
                    at=_time(record.time),
                    name=body.name,
                    version=body.version or None,
                    what=body.what,
                    by=body.by,
                    runs=count if added else None,
                    last_run=_time(last) if added and last else None,
                    sha256=body.sha256,
                )
            )
        if name is not None and not rows:
            raise Failed(f"nothing is known of {visible(name)[:80]}; library log lists all")
        return rows

    async def ran(self, person: str, script: str, version: int) -> None:
        await library.ran(self._store, person, script, version, clock.now())

    async def add(
        self,
        name: str,
        description: str,
        person: str,
        data: AsyncIterator[bytes],
        manifest: Manifest | None = None,
    ) -> tuple[LibraryRow, list[str]]:
        """A new version; the bytes are durable before its record, and that before the answer."""
        if not NAME.fullmatch(name):
            raise NotUnderstood(
                f"{visible(name)[:80]} is no library name: letters, digits, . _ - + and blanks"
            )
        shipped = manifest is not None  # with the broker, whatever the limit for people
        sha256, size, head = await self._keep(data, sys.maxsize if shipped else self._limit)
        last = await library.newest(self._store, name)
        manifest = manifest or _described(last, sha256, description)
        stored = await library.add(
            self._store,
            name,
            sha256,
            size,
            msgspec.json.encode(manifest).decode(),
            person,
            clock.now(),
        )
        same = last is not None and (last.version, last.manifest) == (
            stored.version,
            stored.manifest,
        )
        if not same:
            what = "added" if stored.is_new else "described"
            await self._journal.append(
                LibraryChanged(
                    by=person, name=name, version=stored.version, sha256=sha256, what=what
                )
            )
        await self.rows()
        notes = [] if stored.is_new else [_already(stored, same)]
        return _row(stored), [*notes, *noticed(name, head)]

    async def delete(self, name: str, person: str) -> int:
        count = await library.delete(self._store, name, clock.now())
        if not count:
            raise Failed(f"no {visible(name)[:80]} in the library; library lists what there is")
        await self._journal.append(
            LibraryChanged(by=person, name=name, version=0, sha256="", what="deleted")
        )
        await self.rows()
        return count

    def open(self, sha256: str) -> int:
        """A descriptor of the bytes of a digest; for a thread."""
        return os.open(self._folder / sha256, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    async def read(self, sha256: str) -> AsyncGenerator[bytes]:
        """The bytes of a digest; Failed if they are not what they were, or not there."""
        try:
            async with contextlib.aclosing(self._read(sha256)) as pieces:
                async for piece in pieces:
                    yield piece
        except OSError as error:
            raise Failed(
                f"the library's bytes of {sha256} cannot be read "
                f"({os.strerror(error.errno or 0).lower()}); restore them from backup"
            ) from error

    async def _read(self, sha256: str) -> AsyncGenerator[bytes]:
        path, digest = self._folder / sha256, hashlib.sha256()

        def following(file: BinaryIO) -> bytes:
            block = file.read(BLOCK)
            digest.update(block)
            return block

        loop = asyncio.get_running_loop()
        with await asyncio.to_thread(path.open, "rb", buffering=0) as file:
            ahead = loop.run_in_executor(None, following, file)
            try:
                while block := await ahead:
                    ahead = loop.run_in_executor(None, following, file)
                    for at in range(0, len(block), PIECE):
                        yield block[at : at + PIECE]
            finally:
                await asyncio.wait([ahead])  # a thread is inside of the file
        if digest.hexdigest() != sha256:
            raise Failed(f"the library's bytes of {sha256} are damaged; restore them from backup")

    async def _keep(self, data: AsyncIterator[bytes], limit: int) -> tuple[str, int, bytes]:
        temporary = self._folder / f".{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            async for piece in data:
                size += len(piece)
                if size > limit:
                    raise Refused(f"the file is over the library's {limit:,} bytes")
                head = head or piece[:4096]
                digest.update(piece)
                await asyncio.to_thread(_write, descriptor, piece)
            await asyncio.to_thread(os.fsync, descriptor)
            os.rename(temporary, self._folder / digest.hexdigest())
            await asyncio.to_thread(sync_folder, self._folder)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise Failed(f"the library cannot keep it: {error.strerror}") from error
            raise
        finally:
            os.close(descriptor)
        return digest.hexdigest(), size, head


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _described(last: library.StoredVersion | None, sha256: str, description: str) -> Manifest:
    """The manifest of a person's file: the description stays until another one is given.

    What the last version said of its exit codes and parameters holds for the same bytes alone.
    """
    before = Manifest() if last is None else _manifest(last.manifest)
    if last is None or last.sha256 != sha256:
        before = Manifest(description=before.description)
    return msgspec.structs.replace(before, description=description[:1000] or before.description)


def _already(stored: library.StoredVersion, same: bool) -> str:
    told = "nothing was changed" if same else "its description is new, its number stays"
    return f"{stored.name} had these bytes already as version {stored.version}; {told}"


def _manifest(text: str) -> Manifest:
    return msgspec.json.decode(text or "{}", type=Manifest)


def _row(version: library.StoredVersion) -> LibraryRow:
    manifest = _manifest(version.manifest)
    return LibraryRow(
        name=version.name,
        version=version.version,
        size=version.size,
        platform=manifest.platform,
        changes=manifest.changes,
        description=visible(manifest.description),
        added_by=version.added_by,
        added=_time(version.added_at),
        sha256=version.sha256,
        parameters=visible(manifest.parameters),
    )


def _time(stamp: str) -> Time:
    return Time(clock.ms(stamp))
