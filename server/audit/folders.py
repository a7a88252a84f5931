"""Where the journal's files lie below the state folder, and how they are made."""

import os
from pathlib import Path
from typing import Final, NamedTuple

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


class Folders(NamedTuple):
    """The places below one state folder."""

    state: Path

    def recording(self, session: str) -> Path:
        """The session's recording."""
        return self.state / "recordings" / f"{session}.rec"

    def results(self, session: str) -> Path:
        """The folder of the session's result files."""
        return self.state / "results" / session

    def result(self, session: str, number: int) -> Path:
        """One command's result file."""
        return self.results(session) / f"{number}.res"

    @staticmethod
    def result_of(recording: Path, number: int) -> Path:
        """The result file of a command whose session has this recording."""
        return Folders(recording.parent.parent).result(recording.stem, number)

    def evidence(self, session: str) -> Path:
        """What the session took."""
        return self.state / "evidence" / session

    @property
    def incoming(self) -> Path:
        """Where evidence lies until its digests agree."""
        return self.state / "evidence" / "incoming"

    def make(self) -> None:
        """Make the fixed folders."""
        for folder in ("recordings", "results", "evidence", "evidence/incoming", "library"):
            make_folder(self.state / folder)


def make_folder(path: Path) -> None:
    """A folder that only the broker reads, durable in its parent."""
    if make_name(path):
        sync_folder(path.parent)


def make_name(path: Path) -> bool:
    """The folder; whether it is new, and so has to be made durable in its parent."""
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        return False
    return True


def create(path: Path) -> int:
    """A new file for appending; never one that is there already."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, FILE_MODE)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
