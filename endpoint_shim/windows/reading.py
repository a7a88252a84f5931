"""A plain file, opened for reading by what it is; the handle, never the path, is read."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from commands.language.errors import FirelineError
from commands.language.host.files import Extent
from commands.language.names import Name, from_text, to_units
from endpoint_shim import sparse
from endpoint_shim.windows import entries, handles
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.kernel import close, kernel32
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.opening import opened
from endpoint_shim.windows.paths import PathPolicy, in_words

assert sys.platform == "win32"

DISK = 1


@dataclass
class Opened:
    """An open plain file and what was true when it was opened."""

    handle: int
    path: str
    real: str
    facts: entries.Facts
    links: int

    sized = True

    @property
    def name(self) -> Name:
        return from_text(self.path)

    @property
    def size(self) -> int:
        return self.facts.size

    def in_words(self, error: OSError) -> FirelineError:
        return in_words(error, self.path)

    def piece(self, length: int, offset: int) -> bytes:
        return handles.read(self.handle, length, offset)

    def data(self, offset: int) -> Iterator[tuple[int, int]]:
        """Where data begins and ends; all of it where the file system knows nothing of holes."""
        size = self.facts.size
        while offset < size:
            try:
                found, more = handles.allocated(self.handle, offset, size - offset)
            except OSError:
                yield offset, size
                return
            yield from found
            if not more or not found:
                return
            offset = found[-1][1]

    def holes(self) -> int:
        return sparse.holes(self.data, self.facts.size) if self.facts.is_sparse else 0

    def extent(self, offset: int) -> Extent:
        """What begins there, as far as the file goes now."""
        found = sparse.extent(self.data, offset, self.facts.size)
        left = handles.facts(self.handle).size - offset
        return found._replace(size=max(0, min(found.size, left)))

    def close(self) -> None:
        close(self.handle)


class OpeningDisk:
    """The real disk below `opening`."""

    def look(self, path: str) -> int:
        refuse_network(path)
        return handles.look(path)

    def open(self, path: str) -> int:
        return handles.look(path, read=True, follow=True)

    def is_on_disk(self, handle: int) -> bool:
        return bool(kernel32.GetFileType(handle) == DISK)

    def facts(self, handle: int) -> entries.Facts:
        return handles.facts(handle)

    def real_path(self, handle: int, otherwise: str) -> str:
        return handles.real_path(handle, otherwise)

    def target(self, path: str) -> str:
        target = target_of(path)
        return "" if target is None else to_units(target)

    def identity(self, handle: int) -> tuple[int, int]:
        return handles.identity(handle)

    def close(self, handle: int) -> None:
        close(handle)


def open_plain(path: str, policy: PathPolicy, *, recall: bool = False) -> Opened:
    """Refuses by name what is no plain file."""
    handle, real = opened(path, policy, OpeningDisk(), recall=recall)
    try:
        found, counted = handles.facts(handle), handles.links(handle)
    except OSError as error:
        close(handle)
        raise in_words(error, path) from error
    return Opened(handle, path, real, found, counted)
