"""The digests of a file from one reading of it; blocks, and ends early once `stopped`."""

import hashlib
import threading
from typing import TYPE_CHECKING

from commands.language.host.files import FileFactsRow

if TYPE_CHECKING:
    from endpoint_shim.archive import Content

PIECE = 1024 * 1024


def add(row: FileFactsRow, file: "Content", stopped: threading.Event) -> int:
    """All three into the row; how many bytes they are of."""
    # MD5 and SHA-1 name files in other people's lists; nothing is trusted by them.
    hashes = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")]
    at = _read(file, stopped, hashes)
    row.md5, row.sha1, row.sha256 = (one.hexdigest() for one in hashes)
    return at


def sha256(file: "Content", stopped: threading.Event) -> str:
    digest = hashlib.sha256()
    _read(file, stopped, [digest])
    return digest.hexdigest()


def _read(file: "Content", stopped: threading.Event, hashes: "list[hashlib._Hash]") -> int:
    at = 0
    while not stopped.is_set() and (piece := file.piece(PIECE, at)):
        for one in hashes:
            one.update(piece)
        at += len(piece)
    return at
