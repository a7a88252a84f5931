"""What an SFTP client changes besides a file's bytes: folders made, names, modes and times.

1. All by handle: the folder is reached without a link, what is in it is looked at, then used.
2. Names, modes and times change only on what this stream made. A rename is looked at again once
   it is done, and undone where another file was under the name by then.
"""

import errno
import os

from commands.language import wire
from commands.language.errors import Failed, Refused
from commands.language.names import Name, to_bytes
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import PathPolicy, in_words, reopened, text
from endpoint_shim.linux.uploads import NOT_FOR_OTHERS, set_facts_of
from endpoint_shim.linux.writing import NO_RENAME, Place
from endpoint_shim.upload import Made, exists

FOLDER_MODE = 0o700


def make_folder(asked: wire.MakeFolder, policy: PathPolicy, made: Made) -> None:
    path = to_bytes(Name(asked.path))
    place = Place(path, policy)
    try:
        mode = FOLDER_MODE if asked.mode is None else asked.mode & ~NOT_FOR_OTHERS
        os.mkdir(place.name, FOLDER_MODE, dir_fd=place.folder)
        handle = _look(place)
        try:
            os.chmod(f"/proc/self/fd/{handle}", mode)
            made.add(kernel.inode(dir_fd=handle).identity)
        finally:
            os.close(handle)
        os.fsync(place.folder)
    except FileExistsError as error:
        raise Failed(f"{text(path)} exists already") from error
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        place.close()


def rename(asked: wire.Rename, policy: PathPolicy, made: Made) -> None:
    path, to = to_bytes(Name(asked.path)), to_bytes(Name(asked.to))
    old = Place(path, policy)
    try:
        new = Place(to, policy)
        try:
            _rename(old, new, asked, made)
            for place in (old, new):
                os.fsync(place.folder)
        except FileExistsError as error:
            raise exists(text(to)) from error
        except OSError as error:
            raise in_words(error, path) from error
        finally:
            new.close()
    finally:
        old.close()


def _rename(old: Place, new: Place, asked: wire.Rename, made: Made) -> None:
    source = _own(old, made)
    if asked.replace and (before := new.there()) is not None:
        if not (asked.overwrite or before.identity in made):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        _replace(old, new, source, before)
        return
    kernel.rename_new(old.folder, old.name, new.folder, new.name)
    if kernel.inode(new.name, new.folder).identity != source.identity:
        kernel.rename_new(new.folder, new.name, old.folder, old.name)
        raise Refused(f"{text(old.path)} is another file by now; it keeps its name")


def _replace(old: Place, new: Place, source: kernel.Inode, before: kernel.Inode) -> None:
    """The two change names first, so that what came in between is never lost."""

    def exchange() -> None:
        kernel.rename_exchange(old.folder, old.name, new.folder, new.name)

    try:
        exchange()
    except OSError as error:
        if error.errno not in NO_RENAME:
            raise
        os.rename(old.name, new.name, src_dir_fd=old.folder, dst_dir_fd=new.folder)
        return
    found = kernel.inode(new.name, new.folder), kernel.inode(old.name, old.folder)
    if [one.identity for one in found] != [source.identity, before.identity]:
        exchange()
        raise Refused(f"{text(new.path)} is another file by now; it was not replaced")
    os.unlink(old.name, dir_fd=old.folder)


def set_facts(asked: wire.SetFacts, policy: PathPolicy, made: Made) -> None:
    path = to_bytes(Name(asked.path))
    place = Place(path, policy)
    try:
        handle = _look(place)
        try:
            _refuse_foreign(place, kernel.inode(dir_fd=handle), made)
            writable = -1 if asked.size is None else reopened(handle, os.O_WRONLY | os.O_NONBLOCK)
            try:
                set_facts_of(handle, writable, asked)
            finally:
                if writable >= 0:
                    os.close(writable)
        finally:
            os.close(handle)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        place.close()


def _look(place: Place) -> int:
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(place.name, flags, dir_fd=place.folder)


def _own(place: Place, made: Made) -> kernel.Inode:
    found = kernel.inode(place.name, place.folder)
    _refuse_foreign(place, found, made)
    return found


def _refuse_foreign(place: Place, found: kernel.Inode, made: Made) -> None:
    if found.identity not in made:
        raise Refused(
            f"{text(place.path)} was not made by this connection; its name, mode and times are "
            "left as they are"
        )
