"""The session's folder as a command sees it: places in it, what was made in it, what is kept."""

import asyncio
import contextlib
import os
import stat
from pathlib import Path

from commands.language.errors import Failed, Refused
from commands.language.names import Name, from_bytes, from_text, shown, to_bytes, to_units
from endpoint_shim import private
from endpoint_shim.durable import sync_folder

MAX_LISTED = 1000
MAX_TRIES = 1000


class PrivateFolder:
    """A folder of a random name that only the shim's user enters."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self._folder = folder
        self._kept = kept

    @property
    def path(self) -> Name:
        return _name(str(self._folder))

    async def place(self, name: Name) -> Name:
        """The whole path of a file directly in the folder; refuses a name that is a path."""
        return _name(os.path.join(self._folder, _plain(name)))

    async def keep(self, path: Name) -> Name:
        """Moves a file of the folder to the kept ones, never over another; its new whole path."""
        return await asyncio.to_thread(self._keep, path)

    async def listing(self) -> dict[str, tuple[int, int]]:
        """Name -> (size, modified ns) of the plain files directly in it."""
        return await asyncio.to_thread(self._listing)

    def _keep(self, path: Name) -> Name:
        whole = _path(path)
        folder, name = os.path.split(whole)
        if folder != str(self._folder):
            raise Refused(f"{shown(path)} is not in the session's folder; only what is, is kept")
        private.keep_folder(self._kept)
        stem, suffix = os.path.splitext(name)
        for turn in range(MAX_TRIES):
            target = self._kept / (name if turn == 0 else f"{stem}-{turn + 1}{suffix}")
            with contextlib.suppress(FileExistsError):
                os.link(whole, target, follow_symlinks=False)
                os.unlink(whole)
                sync_folder(self._kept)
                return _name(str(target))
        raise Failed(f"{MAX_TRIES} files of the name {shown(path)} are kept already")

    def _listing(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and len(found) < MAX_LISTED:
                    found[str(_name(entry.name))] = (facts.st_size, facts.st_mtime_ns)
        return found


def _plain(name: Name) -> str:
    path = _path(name)
    separators = "/" if os.name == "posix" else "/\\:"
    if path in ("", ".", "..") or any(c in path for c in f"\0{separators}"):
        raise Refused(f"{shown(name)} is a path; the session's folder takes plain names")
    return path


def _path(name: Name) -> str:
    """As this system's own calls take it."""
    return os.fsdecode(to_bytes(name)) if os.name == "posix" else to_units(name)


def _name(path: str) -> Name:
    return from_bytes(os.fsencode(path)) if os.name == "posix" else from_text(path)
