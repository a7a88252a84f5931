"""Sealing files that a killed broker left open: recordings, results, evidence. Runs in threads."""

import hashlib
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from server.audit.chunks import COMMIT, Kind, Reader, pack
from server.audit.folders import Folders, make_folder, sync_folder

_INCOMING: Final = re.compile(r"(S[0-9]+)-([0-9]+)(?:-(.*))?", re.DOTALL)


class SealedRecording(NamedTuple):
    """The recording as it is now; `told` is a sentence for the journal."""

    told: str
    bytes: int
    head: str


class SealedFile(NamedTuple):
    """A result file as it is now."""

    sha256: str
    bytes: int
    rows: int
    ms: int


class Partial(NamedTuple):
    """A file that had not arrived whole."""

    number: int
    name: str
    bytes: int
    sha256: str


class Recovery(msgspec.Struct, frozen=True):
    """What the *recovered* chunk holds."""

    offset: int
    head: str
    beyond_commit: int
    cut: int


def seal_recording(path: Path) -> SealedRecording:
    """Cut a torn tail and append the *recovered* chunk."""
    if not path.exists():
        return SealedRecording("recording missing", 0, "")
    reader = Reader(path)
    committed = ms = 0
    for chunk in reader:
        ms = chunk.ms
        if chunk.kind is Kind.COMMIT and len(chunk.data) == COMMIT.size:
            committed = COMMIT.unpack(chunk.data)[0]
    end, head, what = reader.tail
    size = path.stat().st_size
    if what == "changed" and end < committed:
        return SealedRecording(f"recording damaged at byte {end:,}, left as it is", 0, "")
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        recovery = Recovery(end, head.hex(), end - committed, size - end)
        chunk_bytes, after = pack(Kind.RECOVERED, 0, ms, msgspec.json.encode(recovery), head)
        file.write(chunk_bytes)
        file.flush()
        os.fsync(file.fileno())
    told = f"recording whole to byte {end:,}, {end - committed:,} beyond the last commit"
    if size > end:
        told += f"; a torn end of {size - end:,} bytes was cut"
    return SealedRecording(told, end + len(chunk_bytes), after.hex())


def seal_result(path: Path) -> SealedFile:
    """Cut a torn tail; the digest is of what is left."""
    if not path.exists():
        return SealedFile("", 0, 0, 0)
    reader = Reader(path)
    rows = ms = 0
    for chunk in reader:
        rows += chunk.kind is Kind.ROW
        ms = chunk.ms
    with path.open("r+b") as file:
        file.truncate(reader.tail.end)
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256")
    return SealedFile(digest.hexdigest(), reader.tail.end, rows, ms)


def seal_partials(folders: Folders, session: str, names: dict[int, str]) -> list[Partial]:
    """Move what the session had coming in to NAME.partial in its evidence."""
    found = []
    for path in sorted(folders.incoming.iterdir()):
        match = _INCOMING.fullmatch(path.name)
        if match is None or match[1] != session or not path.is_file():
            continue
        number = int(match[2])
        name = match[3] or names.get(number) or f"command-{number}"
        folder = folders.evidence(session)
        make_folder(folder)
        target = _free_name(folder, name)
        with path.open("r+b") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        path.rename(target)
        sync_folder(folder)
        sync_folder(folders.incoming)
        found.append(Partial(number, target.name, size, digest))
    return found


def _free_name(folder: Path, name: str) -> Path:
    target = folder / f"{name}.partial"
    count = 2
    while target.exists():
        target = folder / f"{name}.{count}.partial"
        count += 1
    return target
