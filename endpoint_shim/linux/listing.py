"""A folder's entries as they are read, in runs of names that are sorted; memory stays flat."""

import os
from collections.abc import Generator, Iterator
from itertools import islice

from commands.language.host.files import FileRow
from endpoint_shim.linux.mounts import Mount, read_mounts, seen
from endpoint_shim.linux.paths import PathPolicy, in_words, kind_of, look, real_path
from endpoint_shim.linux.rows import opened_folder, row_of, row_of_handle, row_of_mount

RUN = 4096
"""So many names are sorted at a time: nearly every folder as a whole."""


def listing(path: bytes, follow: bool, policy: PathPolicy) -> Generator[FileRow, None, None]:
    """The rows of a folder's entries, or the one row of anything else."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path, follow=follow)
    except OSError as error:
        raise in_words(error, path) from error
    try:
        real = real_path(handle, path)
        policy.check_path(os.fsdecode(real))
        facts = os.fstat(handle)
        policy.check_open(os.fsdecode(path), facts.st_dev, facts.st_ino)
        if kind_of(facts.st_mode) != "directory":
            yield row_of_handle(handle, path)
            return
        folder = opened_folder(handle)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        os.close(handle)
    try:
        yield from _entries(folder, path, real, policy)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        os.close(folder)


def _entries(folder: int, path: bytes, real: bytes, policy: PathPolicy) -> Iterator[FileRow]:
    there = seen(read_mounts())
    foreign = {point: mount for point, mount in there.items() if mount.may_hang}
    with os.scandir(folder) as entries:
        names = (os.fsencode(entry.name) for entry in entries)
        while run := sorted(islice(names, RUN)):
            for name in run:
                yield _row(name, folder, path, foreign.get(below(real, name)), policy)


def _row(name: bytes, folder: int, path: bytes, mount: Mount | None, policy: PathPolicy) -> FileRow:
    if mount is not None:
        return row_of_mount(below(path, name), mount)
    return row_of(name, folder, below(path, name), policy)


def below(folder: bytes, name: bytes) -> bytes:
    """The path of an entry."""
    return folder + name if folder.endswith(b"/") else folder + b"/" + name


def opened_at(path: bytes, policy: PathPolicy) -> tuple[int, bytes]:
    """A handle of the folder at a path, links followed, and where it really lies."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path, follow=True)
        try:
            real = real_path(handle, path)
            policy.check_path(os.fsdecode(real))
            facts = os.fstat(handle)
            policy.check_open(os.fsdecode(path), facts.st_dev, facts.st_ino)
            return opened_folder(handle), real
        finally:
            os.close(handle)
    except OSError as error:
        raise in_words(error, path) from error


def entered(path: bytes, policy: PathPolicy) -> bytes:
    """The real path of a folder that can be entered."""
    handle, real = opened_at(path, policy)
    os.close(handle)
    return real
