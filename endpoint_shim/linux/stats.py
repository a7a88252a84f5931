"""A path's facts and a folder's entries as SFTP wants them: POSIX mode, times in seconds."""

import os
import stat
from collections.abc import Iterator

from commands.language.errors import Failed
from commands.language.names import from_bytes
from commands.language.wire import FileFacts
from endpoint_shim.linux.listing import below, opened_at
from endpoint_shim.linux.mounts import read_mounts, seen
from endpoint_shim.linux.paths import PathPolicy, in_words, look, real_path, text
from endpoint_shim.linux.reading import Opened, open_plain

_SECONDS = 2**53


def facts_at(path: bytes, follow: bool, policy: PathPolicy) -> FileFacts:
    """The facts of what is at a path; of the link itself unless `follow`."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path, follow=follow)
        try:
            policy.check_path(os.fsdecode(real_path(handle, path)))
            return facts_of_stat(os.path.basename(path) or b"/", os.fstat(handle))
        finally:
            os.close(handle)
    except OSError as error:
        raise in_words(error, path) from error


def link_at(path: bytes, policy: PathPolicy) -> bytes:
    """What a link says. Where it leads is only its word: nobody goes there, so policy judges the
    link's own place."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path)
        try:
            policy.check_path(os.fsdecode(real_path(handle, path)))
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                raise Failed(f"{text(path)} is no link")
            return os.readlink(b"", dir_fd=handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise in_words(error, path) from error


def open_at(path: bytes, follow: bool, policy: PathPolicy) -> Opened:
    """The plain file at a path, or where its links lead if `follow`."""
    return open_plain(_real(path, policy) if follow else path, policy)


def _real(path: bytes, policy: PathPolicy) -> bytes:
    """Where a path leads through links: what stock clients mean by opening it. Policy judges both
    the path and its end; whoever opens the end judges once more what was opened."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path, follow=True)
        try:
            return real_path(handle, path)
        finally:
            os.close(handle)
    except OSError as error:
        raise in_words(error, path) from error


def entries(path: bytes, policy: PathPolicy) -> Iterator[FileFacts]:
    """The entries of a folder. What is another mount that may hang is named, not looked at."""
    folder, real = opened_at(path, policy)
    try:
        foreign = {point for point, mount in seen(read_mounts()).items() if mount.may_hang}
        with os.scandir(folder) as found:
            for entry in found:
                name = os.fsencode(entry.name)
                if below(real, name) in foreign:
                    yield FileFacts(name=from_bytes(name), mode=stat.S_IFDIR)
                    continue
                try:
                    yield facts_of_stat(name, entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
                except OSError:
                    yield FileFacts(name=from_bytes(name), mode=0)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        os.close(folder)


def facts_of_stat(name: bytes, found: os.stat_result) -> FileFacts:
    return FileFacts(
        name=from_bytes(name),
        mode=found.st_mode,
        size=max(0, found.st_size),
        uid=found.st_uid,
        gid=found.st_gid,
        atime=_bounded(found.st_atime_ns),
        mtime=_bounded(found.st_mtime_ns),
    )


def _bounded(nanoseconds: int) -> int:
    return max(-_SECONDS, min(_SECONDS, nanoseconds // 1_000_000_000))
