"""One member's bytes, deflated as they come, held back while they are few: until their number and
CRC are known.

What is small stays in memory; the rest lies in a nameless file of the session's folder.
"""

import hashlib
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

IN_MEMORY = 1024 * 1024
HELD = 32 * 1024 * 1024
"""What is larger than this when packed is not held back."""
PIECE = 65_536
LEVEL = 1
"""The line is faster than a thorough look for repetitions."""


class Deflated:
    """Counts, digests and packs what it is given."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._sha256 = hashlib.sha256()
        self.size, self.packed, self.crc = 0, 0, 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def add(self, data: bytes) -> bytes:
        """The next packed bytes."""
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        self._sha256.update(data)
        return self._counted(self._packer.compress(data))

    def finish(self) -> bytes:
        return self._counted(self._packer.flush())

    def _counted(self, packed: bytes) -> bytes:
        self.packed += len(packed)
        return packed


class Spool(Deflated):
    """Packed bytes held back; closed by leaving it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+b", dir=str(folder))  # noqa: SIM115

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def hold(self, data: bytes) -> bytes:
        """Keeps the packed bytes; none of them go on."""
        self._file.write(self.add(data))
        return b""

    def close(self) -> None:
        """All of it has come."""
        self._file.write(self.finish())

    def fill(self, pieces: Iterable[bytes]) -> None:
        """Keeps all that there is."""
        for data in pieces:
            self.hold(data)
        self.close()

    def pieces(self) -> Iterator[bytes]:
        """What is held, from its beginning."""
        self._file.seek(0)
        while data := self._file.read(PIECE):
            yield data
