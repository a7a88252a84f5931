"""A session's recording: what was typed and shown, written before it is forwarded or shown.

`write` is one plain write on the loop (design.md section 1 names this exception) and is counted
when it took over 50 ms. Killing the broker loses nothing; a power cut loses at most what followed
the last commit chunk. A short write is cut back to the last whole chunk.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from time import monotonic
from typing import Final, Self

import msgspec

from server.audit.chunks import COMMIT, COUNT, SIZE, Kind, genesis, name_of, pack
from server.audit.errors import RecordingBroken, RecordingFull
from server.audit.folders import create
from server.audit.syncing import DEFAULT_TIMING, Position, Syncer, Timing

__all__ = ["Kind", "Position", "Recording", "Timing"]

COMMIT_EVERY: Final = 1.0
PIECE: Final = 1 << 20
# Kept free within the budget, so that the end can still be written.
RESERVED: Final = 4096
# The records hold the same, durable before the effect, or it only tells of an fsync.
PATIENT: Final = frozenset({Kind.OPENED, Kind.MARKER, Kind.COMMIT})
ALWAYS: Final = frozenset({Kind.COMMIT, Kind.MARKER, Kind.GAP, Kind.AWAY, Kind.BACK})


class Recording:
    """The append-only chunks of one session."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        *,
        budget: int,
        strict: bool = False,
        pool: Executor | None = None,
        timing: Timing = DEFAULT_TIMING,
    ) -> None:
        self.path = path
        self.strict = strict
        self.on_growth: set[Callable[[], None]] = set()
        """Who follows the file while it grows."""
        self.files = 0
        """Opened by SFTP and scp to be read."""
        self.position = Position(0, genesis(name_of(path)))
        self._descriptor = descriptor
        self._budget = budget
        self._began = monotonic()
        self._closed = False
        self._full = False
        self._sync = Syncer(descriptor, self.position, pool, timing)
        self._sync.on_synced = self._synced
        self._commit_due = False
        self._committed_at = self._began
        self._data_end = 0  # the offset after the last chunk that is no commit
        self._covered = 0  # how far the last commit chunk reaches
        self._later: asyncio.TimerHandle | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        started: str,
        budget: int,
        strict: bool = False,
        pool: Executor | None = None,
        timing: Timing = DEFAULT_TIMING,
    ) -> Self:
        """Start a new file; its first chunk says which session it is and when it began."""
        recording = cls(path, create(path), budget=budget, strict=strict, pool=pool, timing=timing)
        opened = {"session": path.stem, "started": started}
        try:
            recording.write(Kind.OPENED, 0, msgspec.json.encode(opened))
        except RecordingBroken:
            os.close(recording._descriptor)
            path.unlink()
            raise
        return recording

    @property
    def ms(self) -> int:
        """Milliseconds since the session's start."""
        return int((monotonic() - self._began) * 1000)

    @property
    def durable(self) -> Position:
        """How far the file is known to be on the disk."""
        return self._sync.durable

    def on_stall(self, told: Callable[[bool], None]) -> None:
        """Call `told(True)` when bytes are unsynced for 2 s, `told(False)` when that is over."""
        self._sync.on_stall = told

    def on_lost(self, told: Callable[[], None]) -> None:
        """Call `told()` when they are for 30 s, or an fsync failed: the session must end."""
        self._sync.on_lost = told

    def write(self, kind: Kind, terminal: int, data: bytes) -> None:
        """Append before the caller forwards or shows; raises when it is not all in the file."""
        if len(data) <= PIECE:
            self._append(kind, terminal, data)
            return
        for at in range(0, len(data), PIECE):
            self._append(kind, terminal, data[at : at + PIECE])

    async def write_durable(self, kind: Kind, terminal: int, data: bytes) -> None:
        """Append and wait for the disk (`journal: strict`)."""
        self.write(kind, terminal, data)
        await self._sync.wait()
        self._check()

    def resize(self, terminal: int, columns: int, rows: int) -> None:
        """Record a window change."""
        self.write(Kind.RESIZE, terminal, SIZE.pack(min(columns, 65535), min(rows, 65535)))

    def marker(self, terminal: int, text: str) -> None:
        """Record the place of a command: `#12 getfile`."""
        self.write(Kind.MARKER, terminal, text.encode("utf-8", "backslashreplace"))

    def quiet(self, terminal: int, count: int) -> None:
        """Record that so many bytes were typed while the terminal did not echo."""
        self.write(Kind.QUIET, terminal, COUNT.pack(count))

    def masked(self, terminal: int, count: int) -> None:
        """Record that so many bytes were typed at a masked question."""
        self.write(Kind.MASKED_INPUT, terminal, COUNT.pack(count))

    def commit(self) -> None:
        """Ask for an fsync soon and a commit chunk after it; does not wait."""
        self._commit_due = True
        if self._sync.durable.offset >= self._data_end:
            self._synced()
        self._sync.soon()

    async def close(self) -> Position:
        """Sync, append the last commit chunk, sync; the file's length and head."""
        if not self._closed:
            self._closed = True
            if self._later is not None:
                self._later.cancel()
            if self._covered < self._data_end:
                await self._last_commit()
            await self._sync.wait()
            await self._sync.stop()
            os.close(self._descriptor)
        return self.position

    async def _last_commit(self) -> None:
        at = COMMIT.pack(*self.position)
        chunk, head = pack(Kind.COMMIT, 0, self.ms, at, self.position.head)
        end = Position(self.position.offset + len(chunk), head)
        await self._sync.end_with(chunk, end)
        if self._sync.durable == end:
            self.position = end
            for told in self.on_growth:
                told()

    def _append(self, kind: Kind, terminal: int, data: bytes) -> None:
        self._check()
        chunk, head = pack(kind, terminal, self.ms, data, self.position.head)
        end = self.position.offset + len(chunk)
        spent = self._full or end > self._budget
        if spent and (kind not in ALWAYS or end > self._budget + RESERVED):
            # Final, or what happens to be short would still be shown, and its session go on.
            self._full = True
            raise RecordingFull(
                f"the recording of {self.path.stem} reached its budget of {self._budget:,} bytes"
            )
        try:
            written = os.write(self._descriptor, chunk)
        except OSError as error:
            raise RecordingBroken(f"the recording cannot be written: {error.strerror}") from error
        if written != len(chunk):
            self._cut_back()
            raise RecordingBroken("the recording cannot be written: no space left")
        self.position = Position(end, head)
        if kind is not Kind.COMMIT:
            self._data_end = end
        self._sync.wrote(self.position, patient=kind in PATIENT and terminal == 0)
        for told in self.on_growth:
            told()

    def _check(self) -> None:
        if self._closed:
            raise RecordingBroken(f"the recording of {self.path.stem} is closed")
        if self._sync.failure:
            raise RecordingBroken(f"the recording is {self._sync.failure}")

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.position.offset)
        except OSError as error:
            self._sync.failure = f"broken: a short write could not be cut back: {error.strerror}"

    def _synced(self) -> None:
        """After an fsync: a commit chunk, at most once a second unless one was asked for."""
        durable = self._sync.durable
        if self._closed or self._covered >= self._data_end or durable.offset <= self._covered:
            return
        asked = self._commit_due and durable.offset >= self._data_end
        wait = self._committed_at + COMMIT_EVERY - monotonic()
        if not asked and wait > 0:
            if self._later is None:
                self._later = asyncio.get_running_loop().call_later(wait, self._now_late)
            return
        if asked:
            self._commit_due = False
        self._committed_at = monotonic()
        self._covered = durable.offset
        try:
            self._append(Kind.COMMIT, 0, COMMIT.pack(durable.offset, durable.head))
        except (RecordingBroken, RecordingFull):
            self._covered = 0  # tried again after the next fsync

    def _now_late(self) -> None:
        self._later = None
        self._synced()
