"""Sealing files that a killed broker left open: recordings, results, evidence. Runs in threads."""

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from server.audit.chunks import COMMIT, Kind, Reader, pack
from server.audit.folders import FILE_MODE, Folders, make_folder, sync_folder

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
    """Cut a torn end, which is kept beside the file, and append the *recovered* chunk."""
    if not path.exists():
        return SealedRecording("recording missing", 0, "")
    walked = _walk(path)
    if walked.damaged_at is not None:
        return SealedRecording(
            f"recording damaged at byte {walked.damaged_at:,}, left as it is", 0, ""
        )
    end, head, committed = walked.end, walked.head, walked.committed
    with path.open("r+b") as file:
        file.seek(end)
        cut = _keep_torn(path, file)
        file.truncate(end)
        file.seek(end)
        recovery = Recovery(end, head.hex(), end - committed, cut)
        chunk, after = pack(Kind.RECOVERED, 0, walked.ms, msgspec.json.encode(recovery), head)
        file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    told = f"recording whole to byte {end:,}, {end - committed:,} beyond the last commit"
    if cut:
        told += f"; a torn end of {cut:,} bytes was cut"
    return SealedRecording(told, end + len(chunk), after.hex())


class _Walked(NamedTuple):
    """How far the recording is whole; damage counts only before a later commit.

    A power cut can spoil everything after the last commit; before it, it was the disk or somebody.
    """

    end: int
    head: bytes
    ms: int
    committed: int
    damaged_at: int | None


def _walk(path: Path) -> _Walked:
    reader = Reader(path, past_damage=True)
    good = reader.tail
    ms = committed = 0
    for chunk in reader:
        if reader.damage:
            if chunk is not reader.damage[-1] and chunk.kind is Kind.COMMIT:
                return _Walked(good.end, good.chain, ms, committed, good.end)
            continue
        good, ms = reader.tail, chunk.ms
        if chunk.kind is Kind.COMMIT and len(chunk.data) == COMMIT.size:
            committed = COMMIT.unpack(chunk.data)[0]
    return _Walked(good.end, good.chain, ms, committed, None)


def _keep_torn(path: Path, file: BinaryIO) -> int:
    """Copy what is left of `file` to `NAME.torn`: recovery destroys nothing."""
    size = os.fstat(file.fileno()).st_size - file.tell()
    if size:
        descriptor = os.open(
            path.with_name(path.name + ".torn"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE
        )
        with open(descriptor, "wb") as torn:
            shutil.copyfileobj(file, torn)
            torn.flush()
            os.fsync(torn.fileno())
    return size


def seal_result(path: Path) -> SealedFile:
    """Cut a torn end, kept beside it; the digest is of what is left."""
    if not path.exists():
        return SealedFile("", 0, 0, 0)
    reader = Reader(path)
    rows = ms = 0
    for chunk in reader:
        rows += chunk.kind is Kind.ROW
        ms = chunk.ms
    with path.open("r+b") as file:
        file.seek(reader.tail.end)
        _keep_torn(path, file)
        file.truncate(reader.tail.end)
        os.fsync(file.fileno())
        file.seek(0)
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
