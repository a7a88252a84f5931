"""What an SFTP client changes besides a file's bytes: folders made, names and times.

All by handle: the folder is reached through no link, and what is in it is opened, looked at and
used by that one handle. Names and times change only on what this stream made.
"""

import errno
import msvcrt
import os
import sys

from commands.language import wire
from commands.language.errors import Failed, Refused
from endpoint_shim.upload import Made, exists
from endpoint_shim.windows import handles, native
from endpoint_shim.windows.kernel import close, failure, kernel32
from endpoint_shim.windows.paths import in_words, text
from endpoint_shim.windows.uploads import Place, set_facts_of
from endpoint_shim.windows.writing import WritePolicy

assert sys.platform == "win32"


def make_folder(asked: wire.MakeFolder, policy: WritePolicy, made: Made) -> None:
    place = Place(asked.path, policy)
    try:
        made_at = native.open_below(
            place.folder, place.name, native.READ_ATTRIBUTES, new=True, a_folder=True
        )
        try:
            made.add(handles.identity(made_at))
        finally:
            close(made_at)
    except FileExistsError as error:
        raise Failed(f"{text(place.path)} exists already") from error
    except OSError as error:
        raise in_words(error, place.path) from error
    finally:
        place.close()


def rename(asked: wire.Rename, policy: WritePolicy, made: Made) -> None:
    old = Place(asked.path, policy)
    try:
        new = Place(asked.to, policy)
        try:
            _rename(old, new, asked, made)
        except FileExistsError as error:
            raise exists(text(new.path)) from error
        except OSError as error:
            raise in_words(error, old.path) from error
        finally:
            new.close()
    finally:
        old.close()


def _rename(old: Place, new: Place, asked: wire.Rename, made: Made) -> None:
    source = old.open(native.DELETE | native.APPEND_DATA)
    try:
        _refuse_foreign(old, source, made)
        replaces = False
        if asked.replace and (before := new.looked_at()) is not None:
            try:
                replaces = asked.overwrite or handles.identity(before) in made
            finally:
                close(before)
            if not replaces:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        native.rename(source, new.folder, new.name, replace=replaces)
        # A file's flush takes its name along; a folder has no such call that works everywhere.
        is_file = handles.facts(source).kind == "file"
        if is_file and not kernel32.FlushFileBuffers(source):
            raise failure()
    finally:
        close(source)


def set_facts(asked: wire.SetFacts, policy: WritePolicy, made: Made) -> None:
    place = Place(asked.path, policy)
    try:
        wanted = native.WRITE_ATTRIBUTES | (0 if asked.size is None else native.WRITE_DATA)
        handle = place.open(wanted)
        try:
            _refuse_foreign(place, handle, made)
            flags = os.O_RDWR | os.O_BINARY | os.O_NOINHERIT
            fd = -1
            if asked.size is not None:
                fd = msvcrt.open_osfhandle(handles.duplicate(handle), flags)
            try:
                set_facts_of(handle, fd, asked)
            finally:
                if fd >= 0:
                    os.close(fd)
        finally:
            close(handle)
    except OSError as error:
        raise in_words(error, place.path) from error
    finally:
        place.close()


def _refuse_foreign(place: Place, handle: int, made: Made) -> None:
    if handles.identity(handle) not in made:
        raise Refused(
            f"{text(place.path)} was not made by this connection; its name and times are left as "
            "they are"
        )
