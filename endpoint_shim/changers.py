"""Who could change what the shim consists of: every folder on the way, every file of it.

Whoever can write there is the shim at its next start, so `fireline-endpoint check` names it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from endpoint_shim import own

MOST = 20
MOST_FILES = 100_000


def program() -> list[Path]:
    """The shim's own code, the Python that runs it, and its libraries."""
    rooms, python = own.program()
    return [*rooms, *python]


def found(paths: Iterable[Path]) -> list[str]:
    """One sentence for each thing that others could change, at most MOST."""
    return list(islice(_sentences(paths), MOST))


def _sentences(paths: Iterable[Path]) -> Iterator[str]:
    seen: set[Path] = set()
    whole: set[Path] = set()
    """Folders, none of them reached by a link, that were walked to their end."""
    for path in paths:
        # As written and where its links lead: both ways take to it.
        for way in dict.fromkeys((Path(os.path.abspath(path)), Path(os.path.realpath(path)))):
            for folder in way.parents:
                if folder not in seen:
                    seen.add(folder)
                    yield from _one(folder, above=True)
            real = os.path.realpath(way) == str(way)
            if way in seen or (real and not whole.isdisjoint(way.parents)):
                continue
            seen.add(way)
            below = _walk(way)
            for one in islice(below, MOST_FILES):
                yield from _one(one, above=False)
            if real and next(below, None) is None:
                whole.add(way)


def _walk(path: Path) -> Iterator[str]:
    """As text: a Python has 60,000 files, and a Path of each would cost most of the time."""
    yield str(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            yield os.path.join(folder, name)


def _one(path: Path | str, *, above: bool) -> Iterator[str]:
    if sys.platform == "win32":
        from endpoint_shim.windows.changers import of
    else:
        from endpoint_shim.linux.changers import of
    try:
        if sentence := of(path, above=above):
            yield sentence
    except FileNotFoundError:
        return  # nothing is there that could be changed; its folder is looked at
    except OSError as error:
        yield f"{path} cannot be looked at ({error.strerror})"
