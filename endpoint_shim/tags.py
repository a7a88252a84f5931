"""The tags that this device proposes: a file of its state folder; on Windows a registry value.

They are a wish: the broker shows them, and selects by none of them. So a mistake in them is left
out, and never stops the shim.
"""

import re
import sys
from pathlib import Path

if sys.platform == "win32":
    from endpoint_shim.windows.wished_tags import words
else:
    from endpoint_shim.linux.wished_tags import words

MOST = 10
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def proposed(state: Path) -> tuple[str, ...]:
    """What stands there now, each once, the first few."""
    tags: dict[str, str] = {}
    for word in words(state):
        if TAG.fullmatch(word):
            tags.setdefault(word.casefold(), word)
    return tuple(tags.values())[:MOST]
