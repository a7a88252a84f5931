"""The scan on Linux: ClamAV's daemon where one runs, else its program."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing, closing
from pathlib import Path

from commands.language.errors import Failed
from commands.language.host.scanning import DetectionRow, Kind, Unseen
from commands.language.items import Progress
from commands.language.names import Name, from_bytes
from endpoint_shim.batches import in_batches
from endpoint_shim.groups import Group
from endpoint_shim.linux import clamd, clamscan
from endpoint_shim.linux.clamd import Clamd, Verdict
from endpoint_shim.linux.paths import PathPolicy, joined
from endpoint_shim.linux.scan_places import Closed, Found, Target, below, quick

NONE = (
    "no engine here: neither clamd (the package clamav-daemon) listens nor clamscan (clamav) is "
    "installed; the device's owner can add one"
)
TELL_S = 0.5
PIECE = 1 << 20
COPIED = 256 << 20
"""Bytes of copies at one time."""
_VERSION = re.compile(r"ClamAV ([^/\s]+)(?:/(\d+)/(.+))?")
Seen = tuple[bytes, Verdict] | str


class LinuxScanner:
    """Made for one command; `folder` is where its person stands."""

    def __init__(
        self, folder: Name, policy: PathPolicy, group: Group, session: Path, socket: str
    ) -> None:
        self._folder, self._policy, self._group, self._session = folder, policy, group, session
        self._socket = socket

    async def engine(self) -> str:
        return _told(await asyncio.to_thread(self._version))

    async def scan(
        self, kind: Kind, path: Name | None
    ) -> AsyncIterator[DetectionRow | Progress | Unseen | str]:
        top = None if path is None else joined(self._folder, path)
        done, failed, first, told = 0, 0, "", time.monotonic()
        unseen = Unseen(0, "")
        async with aclosing(in_batches(self._seen(kind, top), 64)) as seen:
            async for one in seen:
                if isinstance(one, str):
                    yield one
                    continue
                place, verdict = one
                done += 1
                if verdict.threat:
                    yield DetectionRow(
                        path=from_bytes(place), threat=verdict.threat, what="found", engine="ClamAV"
                    )
                if verdict.unseen:
                    this = f"{verdict.unseen}: {place.decode('utf-8', 'replace')[-200:]}"
                    unseen = Unseen(unseen.files + 1, unseen.first or this)
                if verdict.error:
                    failed += 1
                    first = first or f"{place.decode('utf-8', 'replace')}: {verdict.error}"
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    yield Progress(done, None, f"files, {place.decode('utf-8', 'replace')[-200:]}")
        if failed:
            raise Failed(
                f"{failed:,} of {done:,} files could not be scanned, the first {first[:300]}"
            )
        yield f"{done:,} files scanned"
        if unseen.files:
            yield unseen

    def _version(self) -> str:
        if (place := clamd.found(self._socket)) is not None:
            return Clamd(place).version()
        if (program := clamscan.found()) is not None:
            return clamscan.version(program)
        raise Failed(NONE)

    def _seen(self, kind: Kind, top: bytes | None) -> Generator[Seen, None, None]:
        if top is not None:
            found = below(top, self._policy)
        else:
            found = quick(self._policy) if kind == "quick" else below(b"/", self._policy)
        with closing(found):
            if (place := clamd.found(self._socket)) is not None:
                yield from _by_daemon(Clamd(place), found)
            elif (program := clamscan.found()) is not None:
                yield from self._by_program(program, found)
            else:
                raise Failed(NONE)

    def _by_program(
        self, program: str, found: Generator[Found, None, None]
    ) -> Generator[Seen, None, None]:
        listed: dict[bytes, bytes] = {}
        copied = 0
        for one in found:
            if not isinstance(one, Target):
                yield _unopened(one)
                continue
            with closing(one):
                name, size = one.path, os.fstat(one.handle).st_size
                if _unlisted(one):
                    if size > clamd.LARGEST:
                        yield name, Verdict(unseen=f"its size ({size:,} bytes; no list names it)")
                        continue
                    name, copied = self._copied(one), copied + size
                listed[name] = one.path
            if len(listed) == clamscan.MOST or copied > COPIED:
                yield from self._listed(program, listed)
                listed, copied = {}, 0
        yield from self._listed(program, listed)

    def _listed(
        self, program: str, listed: dict[bytes, bytes]
    ) -> Generator[tuple[bytes, Verdict], None, None]:
        """What is said of the paths of a list, by those where the files are."""
        for path, verdict in clamscan.scan(program, self._session, list(listed), self._group):
            yield listed[path], verdict
            if path != listed[path]:
                os.unlink(path)

    def _copied(self, one: Target) -> bytes:
        """A file that no list can name, where one can; sparse as it is, and gone with its session
        at the latest."""
        copy = os.path.join(os.fsencode(self._session), b"scan-" + os.urandom(8).hex().encode())
        with open(copy, "xb") as file:
            while piece := os.read(one.handle, PIECE):
                file.write(piece)
        return copy


def _unlisted(one: Target) -> bool:
    """Whether its path leads nowhere (what runs and was deleted), or breaks a line."""
    return b"\n" in one.path or b"\r" in one.path or os.fstat(one.handle).st_nlink == 0


def _by_daemon(daemon: Clamd, found: Generator[Found, None, None]) -> Generator[Seen, None, None]:
    most = daemon.largest()
    for number, one in enumerate(found):
        if not isinstance(one, Target):
            yield _unopened(one)
            continue
        with closing(one):
            large = os.fstat(one.handle).st_size > most
            try:
                verdict = daemon.scan(one.handle)
            except Failed as error:
                yield one.path, Verdict(error=str(error))
                if not daemon.back():
                    why = f"within {clamd.BACK_S:g} s, after {number:,} files"
                    raise Failed(f"{error}; it was not back {why}") from None
                continue
        if large and verdict == Verdict():
            verdict = Verdict(unseen=f"ClamAV's limits (MaxFileSize, {most:,} bytes)")
        yield one.path, verdict


def _unopened(one: Closed | str) -> Seen:
    return one if isinstance(one, str) else (one.path, Verdict(error=one.error))


def _told(version: str) -> str:
    """The engine with its signatures; what was never updated has no age, and is said so."""
    parts = _VERSION.match(version)
    if parts is None:
        return f"engine {version[:200]}"
    number, signatures, of = parts.groups()
    if not signatures:
        return f"ClamAV {number}; the age of its signatures is not known"
    return f"ClamAV {number}, signatures {signatures} of {of.strip()}"
