"""All facts of one file, with its digests from one reading of it."""

import re
import sys
import threading

from commands.language.errors import FirelineError
from commands.language.host.files import FileFactsRow
from commands.language.names import from_text, shown
from endpoint_shim import digests
from endpoint_shim.content import HEAD, described
from endpoint_shim.windows import access, access_words, entries, handles
from endpoint_shim.windows.kernel import close
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.paths import NotThere, PathPolicy, file_of, in_words
from endpoint_shim.windows.reading import Opened, open_plain
from endpoint_shim.windows.times import time_of

assert sys.platform == "win32"

NAMED = 50
"""So many streams are described; of the rest the number is said."""
# As `attrib` writes them; P is a sparse file there.
_LETTERS = {
    0x1: "R", 0x2: "H", 0x4: "S", 0x20: "A", 0x200: "P", 0x400: "L", 0x800: "C",
    0x1000: "O", 0x2000: "I", 0x4000: "E", 0x400000: "M",
}  # fmt: skip
_OWNERS = re.compile(r"(?:O:(S-[0-9-]+|[A-Z]{2}))?(?:G:(S-[0-9-]+|[A-Z]{2}))?")


def facts_of(path: str, policy: PathPolicy, stopped: threading.Event) -> FileFactsRow:
    """The row; blocks, and ends early once `stopped`."""
    with handles.looked_at(path, policy) as (handle, real):
        found = handles.facts(handle)
        row = _row(path, real, found, handles.links(handle))
        _add_access(row, handle)
        if file_of(path) == path and row.kind in ("file", "directory"):
            row.streams = _streams(path, handles.streams(handle), found, policy)
    if row.kind == "link":
        row.target = target_of(path)
    if row.kind == "file" and found.is_elsewhere:
        row.error = "a placeholder: its content is not on this device, and was not fetched"
    elif row.kind == "file":
        _add_content(row, open_plain(path, policy), stopped)
    return row


def _add_access(row: FileFactsRow, handle: int) -> None:
    try:
        control = handles.for_control(handle)
    except OSError as error:
        row.permissions = f"not readable ({(error.strerror or '').lower().rstrip('.')})"
        return
    try:
        sddl = access.described(control)
    finally:
        close(control)
    row.access_list, row.permissions = sddl, access_words.told(sddl, access.named)
    whose = _OWNERS.match(sddl)
    if whose is not None:
        row.owner, row.group = (access.named(one) if one else "" for one in whose.groups())


def _streams(
    path: str, found: list[tuple[str, int]], facts: entries.Facts, policy: PathPolicy
) -> list[str]:
    told = []
    for name, size in found[:NAMED]:
        said = "not read" if facts.is_elsewhere else _content(f"{path}:{name}", policy)
        told.append(f"{shown(from_text(name))}, {size:,} bytes, {said}")
    if len(found) > NAMED:
        told.append(f"and {len(found) - NAMED:,} more")
    return told


def _content(path: str, policy: PathPolicy) -> str:
    try:
        stream = open_plain(path, policy)
        try:
            return described(stream.piece(HEAD, 0))
        finally:
            stream.close()
    except (FirelineError, OSError) as error:
        return f"not readable: {error}"


def _row(path: str, real: str, found: entries.Facts, links: int) -> FileFactsRow:
    return FileFactsRow(
        path=from_text(path),
        real_path=from_text(real),
        kind=found.kind,
        size=found.size if found.kind == "file" else None,
        created=time_of(found.created),
        modified=time_of(found.written),
        accessed=time_of(found.accessed),
        changed=time_of(found.changed),
        attributes="".join(c for bit, c in _LETTERS.items() if found.attributes & bit),
        hidden=bool(found.attributes & entries.HIDDEN),
        read_only=bool(found.attributes & entries.READ_ONLY),
        links=links,
    )


def _add_content(row: FileFactsRow, file: Opened, stopped: threading.Event) -> None:
    try:
        row.content = described(file.piece(HEAD, 0))
        if digests.add(row, file, stopped) != file.facts.size:
            row.error = "it changed while it was read; the digests are of what was read"
    except OSError as error:
        row.error = str(in_words(error, file.path))
    finally:
        file.close()


def digest_of(path: str, policy: PathPolicy, stopped: threading.Event) -> str | None:
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
