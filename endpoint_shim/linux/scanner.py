"""The scan on Linux: ClamAV's daemon where one runs, else its program."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing, closing
from pathlib import Path

from commands.language.errors import Failed
from commands.language.host.scanning import DetectionRow, Kind
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
    ) -> AsyncIterator[DetectionRow | Progress | str]:
        top = None if path is None else joined(self._folder, path)
        done, failed, first, told = 0, 0, "", time.monotonic()
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
        paths: list[bytes] = []
        for one in found:
            if not isinstance(one, Target):
                yield _unopened(one)
                continue
            paths.append(one.path)
            one.close()
            if len(paths) == clamscan.MOST:
                yield from clamscan.scan(program, self._session, paths, self._group)
                paths = []
        yield from clamscan.scan(program, self._session, paths, self._group)


def _by_daemon(daemon: Clamd, found: Generator[Found, None, None]) -> Generator[Seen, None, None]:
    for one in found:
        if not isinstance(one, Target):
            yield _unopened(one)
            continue
        try:
            yield one.path, daemon.scan(one.handle)
        finally:
            one.close()


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
