"""All facts of one file, with its digests from one reading of it."""

import os
import stat
import threading

from commands.language.host.files import FileFactsRow
from commands.language.items import Time
from commands.language.names import from_bytes
from endpoint_shim import digests
from endpoint_shim.content import described
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import NotThere, PathPolicy, in_words, kind_of, look, real_path
from endpoint_shim.linux.reading import Opened, head_of, open_plain, opened
from endpoint_shim.linux.rows import out_of_range

LONGEST_UNSIZED = 1 << 30


def facts_of(
    path: bytes, policy: PathPolicy, stopped: threading.Event
) -> tuple[FileFactsRow, kernel.Inode]:
    """The row without the owner's and group's names; blocks, and ends early once `stopped`."""
    policy.check_path(os.fsdecode(path))
    try:
        looking = look(path)
        try:
            real = real_path(looking, path)
            policy.check_path(os.fsdecode(real))
            facts = kernel.inode(dir_fd=looking)
            policy.check_open(os.fsdecode(path), facts.device, facts.number)
            row = _row(path, real, facts)
            if row.kind == "link":
                row.target = from_bytes(os.readlink(b"", dir_fd=looking))
            if row.kind == "file":
                _add_content(row, opened(looking, path, real, facts), stopped)
            return row, facts
        finally:
            os.close(looking)
    except OSError as error:
        raise in_words(error, path) from error


def _row(path: bytes, real: bytes, facts: kernel.Inode) -> FileFactsRow:
    kind = kind_of(facts.mode)
    row = FileFactsRow(
        path=from_bytes(path),
        real_path=from_bytes(real),
        kind=kind,
        size=facts.size if kind == "file" else None,
        created=None if facts.created is None else Time(facts.created),
        modified=Time(facts.modified),
        accessed=Time(facts.accessed),
        changed=Time(facts.changed),
        permissions=f"{stat.filemode(facts.mode)} {stat.S_IMODE(facts.mode):04o}",
        hidden=os.path.basename(path).startswith(b"."),
        read_only=None if kind == "link" else facts.immutable or not facts.mode & 0o200,
        links=facts.links,
    )
    for name in ("created", "modified", "accessed", "changed"):
        if out_of_range(getattr(row, name)):
            _say(row, f"its {name} time is out of range")
    return row


def _say(row: FileFactsRow, error: str) -> None:
    row.error = f"{row.error}; {error}" if row.error else error


def _add_content(row: FileFactsRow, file: Opened, stopped: threading.Event) -> None:
    try:
        row.content = described(head_of(file.handle))
        if not file.sized and file.facts.size > LONGEST_UNSIZED:
            _say(row, "it shows the kernel's memory; no digest is taken")
            return
        at = digests.add(row, file, stopped)
        if not file.sized:
            row.size = at
        elif _changed(file, at):
            _say(row, "it changed while it was read; the digests are of what was read")
    except BlockingIOError:
        _say(row, "it has nothing to read now; no digest is taken")
    except OSError as error:
        _say(row, str(in_words(error, file.path)))
    finally:
        file.close()


def _changed(file: Opened, read: int) -> bool:
    now = kernel.inode(dir_fd=file.handle)
    return read != file.facts.size or now.modified != file.facts.modified


def digest_of(path: bytes, policy: PathPolicy, stopped: threading.Event) -> str | None:
    """The SHA-256 of a plain file, None where nothing is."""
    try:
        file = open_plain(path, policy)
    except NotThere:
        return None
    try:
        return digests.sha256(file, stopped)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        file.close()
