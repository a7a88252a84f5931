"""Sealing files that a killed broker left open: recordings, results, evidence. Runs in threads."""

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from server.audit.chunks import COMMIT, Chunk, Kind, Reader, pack
from server.audit.closing import close_package
from server.audit.folders import FILE_MODE, Folders, make_folder, sync_folder
from server.audit.sparse_files import end_of_data, sha256_of

PARTIAL, PARTIAL_ZIP = ".partial", ".partial.zip"
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
    """How far the recording is whole; damage counts only before what a later commit calls safe.

    A power cut can spoil everything after that, what lies between it and its commit's own chunk
    too; before it, it was the disk or somebody.
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
            if chunk is not reader.damage[-1] and _safe(chunk) > good.end:
                return _Walked(good.end, good.chain, ms, committed, good.end)
            continue
        good, ms = reader.tail, chunk.ms
        committed = _safe(chunk) or committed
    return _Walked(good.end, good.chain, ms, committed, None)


def _safe(chunk: Chunk) -> int:
    """How far a commit says that the file is on the disk."""
    if chunk.kind is not Kind.COMMIT or len(chunk.data) != COMMIT.size:
        return 0
    return int(COMMIT.unpack(chunk.data)[0])


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


def seal_partials(
    folders: Folders,
    session: str,
    names: dict[int, str],
    recorded: Collection[str] = (),
    packages: Collection[int] = (),
) -> list[Partial]:
    """Move what the session had coming in to NAME.partial in its evidence.

    What already lies there under a name that no record gives it is one more: the broker stopped
    between the two. What a command of `packages` brought is made a valid zip first.
    """
    folder = folders.evidence(session)
    coming = list(_coming(folders.incoming, session, names))
    for stray in _unrecorded(folder, recorded):
        if any(stray.samefile(path) for _, _, path in coming):
            sync_folder(folders.incoming)
            stray.unlink()  # the same file, under its two names
        else:
            coming.append((_number_of(stray.name, names), stray.name, stray))
    found = []
    for number, name, path in coming:
        make_folder(folder)
        package = number in packages
        size, digest = _closed(path) if package else _read(path, came=path.parent != folder)
        target = path
        if path.parent != folder or not name.endswith(PARTIAL_ZIP if package else PARTIAL):
            target = _free_name(folder, name, package=package)
            path.rename(target)
        sync_folder(folder)
        sync_folder(folders.incoming)
        found.append(Partial(number, target.name, size, digest))
    return found


def _coming(incoming: Path, session: str, names: dict[int, str]) -> Iterator[tuple[int, str, Path]]:
    for path in sorted(incoming.iterdir()):
        match = _INCOMING.fullmatch(path.name)
        if match is not None and match[1] == session and path.is_file():
            number = int(match[2])
            yield number, match[3] or names.get(number) or f"command-{number}", path


def _unrecorded(folder: Path, recorded: Collection[str]) -> list[Path]:
    """Plain files of a session's evidence that no record names."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.name not in recorded and path.is_file() and not path.is_symlink()
    )


def _number_of(name: str, names: dict[int, str]) -> int:
    """The command that took it, as far as its name tells; else the session's last."""
    meant = [n for n, given in names.items() if given and name.startswith(given)]
    return max(meant or names, default=0)


def _closed(path: Path) -> tuple[int, str]:
    closed = close_package(path)
    return closed.size, closed.sha256


def _read(path: Path, *, came: bool) -> tuple[int, str]:
    """Size and digest; of what was still coming, zeros at its end with nothing behind them are cut:
    a start of the broker does not wait for their hash."""
    with path.open("r+b") as file:
        if came:
            os.ftruncate(file.fileno(), end_of_data(file.fileno()))
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size, sha256_of(file.fileno())


def _free_name(folder: Path, name: str, *, package: bool) -> Path:
    if package:
        name = name.removesuffix(PARTIAL_ZIP).removesuffix(".zip")
    ending = PARTIAL_ZIP if package else PARTIAL
    target = folder / f"{name}{ending}"
    count = 2
    while target.exists():
        target = folder / f"{name}.{count}{ending}"
        count += 1
    return target
