"""Who besides root and the shim's own user could change a file of the shim (by owner and mode)."""

import os
import stat
from pathlib import Path


def of(path: Path | str, *, above: bool) -> str:
    """A sentence where others could; empty where not. `above`: a folder on the way to it."""
    found = os.lstat(path)
    if found.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to user {found.st_uid}, who could replace it"
    if stat.S_ISLNK(found.st_mode):
        return ""  # a link's own mode says nothing; where it leads is looked at as well
    # In a sticky folder nobody takes another's file away: enough on the way, not for what is ours.
    kept = above and found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not kept:
        return f"{path} can be written by others; chmod go-w {path}"
    return ""
