"""A file that an SFTP client writes, anywhere in it and in any order; each is for one thread.

1. A new file, and one that is truncated, is written beside its place and is there at its end,
   synced and whole, or not at all: who is cut off leaves nothing.
2. A file that is written to without being truncated (`reput`, append) is changed in place; it
   must have one name, or another path would change with it.
3. What was there is touched only if this stream made it, or the rule says `overwrite`.
"""

import errno
import hashlib
import os
from collections.abc import Callable
from typing import Protocol

from commands.language import wire
from commands.language.errors import FirelineError, Refused

SYNCED = 32 << 20
"""So much is written between two syncs: the last one is then short, however long the file."""
Identity = tuple[int | None, ...]


class Made:
    """What this stream made; the oldest is forgotten first."""

    MOST = 100_000

    def __init__(self) -> None:
        self._made: dict[Identity, None] = {}

    def add(self, one: Identity) -> None:
        if len(self._made) >= self.MOST:
            del self._made[next(iter(self._made))]
        self._made[one] = None

    def __contains__(self, one: Identity) -> bool:
        return one in self._made


class Written(Protocol):
    """The open file, each platform's own. All raise OSError."""

    def is_at(self, path: str) -> bool: ...
    def facts(self) -> wire.FileFacts: ...
    def set(self, asked: wire.SetFacts) -> None: ...
    def read(self, offset: int, length: int) -> bytes: ...

    def write(self, data: memoryview, offset: int | None) -> int:
        """How much of it was written there; None is the file's end."""
        ...

    def sync(self) -> None: ...

    def finish(self) -> Identity | None:
        """Synced and in its place, its name too; what a new one is known by."""
        ...

    def close(self) -> None:
        """Lets go; what was new and is not in its place is gone."""
        ...


class Upload:
    """A file open for writing. Whoever opened it calls `finish` or `close`, and then no more."""

    def __init__(
        self,
        file: Written,
        shown: str,
        in_words: Callable[[OSError], FirelineError],
        *,
        append: bool,
        replaces: bool,
    ) -> None:
        self.file, self.replaces = file, replaces
        self._shown, self._in_words = shown, in_words
        self._append = append
        self._digest = hashlib.sha256()
        self._unsynced = 0

    @property
    def sha256(self) -> str:
        """Of what came, in the order in which it came."""
        return self._digest.hexdigest()

    def write(self, offset: int, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                written = self.file.write(left, None if self._append else offset)
                self._digest.update(left[:written])
                offset, left = offset + written, left[written:]
            self._unsynced += len(data)
            if self._unsynced >= SYNCED:
                self.file.sync()
                self._unsynced = 0
        except OSError as error:
            raise self._in_words(error) from error

    def finish(self, made: Made) -> None:
        """Whole, in its place and synced."""
        try:
            new = self.file.finish()
            if new is not None:
                made.add(new)
        except FileExistsError as error:
            raise exists(self._shown) from error
        except OSError as error:
            raise self._in_words(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Lets go."""
        self.file.close()


def exists(shown: str) -> Refused:
    error = Refused(
        f"{shown} exists and this connection did not make it; choose another name, or have a "
        "rule with the right overwrite: allow"
    )
    error.__cause__ = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return error
