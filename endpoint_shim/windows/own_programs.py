"""What App Control has to know of the shim: its programs and libraries by digest, its folders."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from commands.language.errors import Failed
from endpoint_shim.windows import authenticode
from endpoint_shim.windows.control_policy import Own
from endpoint_shim.windows.processes import own_image

assert sys.platform == "win32"

ENDINGS = (".exe", ".dll", ".pyd")
MOST = 5000


def found(known: Iterable[Path], *, by_path: bool) -> Own:
    """`by_path` where Windows takes rules for paths (10 1903): those hold for folders that only
    administrators write, which Windows sees to itself."""
    where = places(known)
    digests: dict[str, str] = {}
    for file in _files(where):
        if (digest := _digest(file)) is not None:
            digests.setdefault(digest, str(file))
        if len(digests) > MOST:
            raise Failed(f"the shim has more than {MOST:,} programs in its folders")
    paths = (f"{one}\\*" if one.is_dir() else str(one) for one in where if one.exists())
    return Own(digests, tuple(dict.fromkeys(paths)) if by_path else ())


def places(known: Iterable[Path]) -> list[Path]:
    """Those, and the Python that runs, with its libraries: of a venv it lies elsewhere."""
    whole = [] if getattr(sys, "frozen", False) else [Path(sys.base_prefix)]
    return [*known, Path(own_image()), *whole]


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if not place.is_dir():
            yield place
            continue
        for folder, _, names in os.walk(place):
            yield from (Path(folder, one) for one in names if one.lower().endswith(ENDINGS))


def _digest(path: Path) -> str | None:
    """None for what is no program, and for one that is not there any more."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size

            def read(at: int, length: int) -> bytes:
                file.seek(at)
                return file.read(length)

            return authenticode.sha256(read, size)
    except (OSError, Failed):
        return None
