"""Where a Linux device's owner writes the tags that he would like it to have."""

import os
import stat
from pathlib import Path

NAME = "tags"
"""In the state folder: a tag a line; `#` begins a remark."""
LONGEST_FILE = 4096


def words(state: Path) -> list[str]:
    """What stands there; nothing where it cannot be read."""
    try:
        handle = os.open(state / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return []
        text = os.read(handle, LONGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return []
    finally:
        os.close(handle)
    return [line.partition("#")[0].strip() for line in text.splitlines()]
