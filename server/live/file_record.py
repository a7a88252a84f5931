"""What SFTP did, as FILE chunks of its session's recording, each written before it is answered.

1. A file: one chunk at its opening, before a byte of it is shown; one at its close with the
   ranges merged, the bytes and the sha256 of what was sent in that order.
2. Lists, looks and refusals: one chunk per path and second.
"""

import asyncio
import hashlib
from typing import Literal

import msgspec

from server.audit.chunks import Kind
from server.audit.recording import Recording

RANGES = 1000
MERGED_S = 1.0
SMALL = 65_536
"""Below it a thread costs more than the hash (some 40 microseconds)."""

Did = Literal["list", "stat", "open", "read", "refused"]


class FileChunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON of a FILE chunk. `path` is the device's Name, or below /evidence."""

    did: Did
    path: str
    reason: str = ""
    ranges: list[tuple[int, int]] = []
    bytes: int = 0
    sha256: str = ""
    more: bool = False
    """Another chunk of the same open file follows: it was read in too many ranges for one."""


class FileRecord:
    """Writes the chunks of one session."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._second = 0.0
        self._told: set[tuple[str, str]] = set()

    def once(self, did: Did, path: str, reason: str = "") -> None:
        """A list, a look or a refusal; the same again within the second is the same."""
        now = asyncio.get_running_loop().time()
        if now - self._second >= MERGED_S or len(self._told) >= RANGES:
            self._second = now
            self._told.clear()
        if (did, path) not in self._told:
            self._told.add((did, path))
            self.write(FileChunk(did, path, reason))

    def write(self, chunk: FileChunk) -> None:
        """Raises RecordingFull or RecordingBroken: then nothing may be shown."""
        self._recording.write(Kind.FILE, 0, msgspec.json.encode(chunk))
        self._recording.files += chunk.did == "open"


class Tally:
    """Bytes as they go by: their ranges, merged, their number, and the sha256 of them in order."""

    def __init__(self) -> None:
        self._digest, self.bytes = hashlib.sha256(), 0
        self.ranges: list[tuple[int, int]] = []
        self._hashing: asyncio.Future[None] | None = None

    async def add(self, offset: int, data: bytes) -> None:
        await self.rest()
        if len(data) < SMALL:
            self._digest.update(data)
        else:
            loop = asyncio.get_running_loop()
            self._hashing = loop.run_in_executor(None, self._digest.update, data)
        self.bytes += len(data)
        end = offset + len(data)
        if self.ranges and self.ranges[-1][1] == offset:
            self.ranges[-1] = (self.ranges[-1][0], end)
        elif len(self.ranges) < RANGES:
            self.ranges.append((offset, end))
        else:  # too scattered to be told one by one: the last one covers the rest
            first, last = self.ranges[-1]
            self.ranges[-1] = (min(first, offset), max(last, end))

    async def rest(self) -> None:
        """Waits until all of it is hashed."""
        hashing, self._hashing = self._hashing, None
        if hashing is not None:
            await hashing

    @property
    def sha256(self) -> str:
        """After `rest`."""
        return self._digest.hexdigest()


class SentBytes:
    """What of one open file was sent; hashed in a thread, in order."""

    def __init__(self, record: FileRecord, path: str) -> None:
        self._record, self._path = record, path
        self._tally = Tally()
        record.write(FileChunk("open", path))

    async def add(self, offset: int, data: bytes) -> None:
        """Before it is sent."""
        if len(self._tally.ranges) >= RANGES:
            await self._end(more=True)
            self._tally = Tally()
        await self._tally.add(offset, data)

    async def end(self) -> None:
        await self._end(more=False)

    async def _end(self, *, more: bool) -> None:
        tally = self._tally
        await tally.rest()
        self._record.write(
            FileChunk(
                "read",
                self._path,
                ranges=tally.ranges,
                bytes=tally.bytes,
                sha256=tally.sha256,
                more=more,
            )
        )
