"""In Windows Python: notes which lines of the Windows half run, in every process of the rig.

1. Started from a `.pth` file, for supervisors and workers are started with `-I` and an environment
   of their own.
2. Nothing is traced: a tracer makes all of a process slow, and each start of one by seconds. The
   half's own modules are loaded with a mark before each statement; all else is as it is.
3. A mark is written when it is come to first: a process that is killed has no last words.
"""

import builtins
import os
import secrets
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

HALF = ("endpoint_shim.windows", "endpoint_shim.terminal.windows")
MARKS = "__ran__"


def start(folder: str, root: str) -> None:
    """Measures this process from now on; what it finds lies in `folder`, a file a process."""
    vars(builtins)[MARKS] = Marks(folder)
    sys.meta_path.insert(0, Finder(folder, root))


class Marks(dict[tuple[str, int, int], None]):
    """File, first line, last line; one that was come to before costs a look into a dict."""

    def __init__(self, folder: str) -> None:
        self._place = f"{folder}\\windows.{os.getpid()}.{secrets.token_hex(4)}"
        self._handle = -1

    def __missing__(self, mark: tuple[str, int, int]) -> None:
        self[mark] = None
        if self._handle < 0:
            self._handle = os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self._handle, "{}:{}:{}\n".format(*mark).encode())


class Finder:
    """Of the half's modules."""

    def __init__(self, folder: str, root: str) -> None:
        self._folder, self._root = folder, root

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(HALF):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin and spec.origin.startswith(self._root):
            spec.loader = Loader(name, spec.origin, self._folder, self._root)
        return spec


class Loader(SourceFileLoader):
    """Marks what it compiles, and keeps that apart from what Python keeps of the same file."""

    def __init__(self, name: str, path: str, folder: str, root: str) -> None:
        super().__init__(name, path)
        self._kept = f"{folder}\\kept.{name}.pyc"
        self._called = path[len(root) + 1 :].replace("\\", "/")

    def get_data(self, path: str) -> bytes:
        return super().get_data(self._kept if path.endswith(".pyc") else path)

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        super().set_data(self._kept, data, _mode=_mode)

    def source_to_code(  # type: ignore[override]
        self, data: Any, path: Any, *, _optimize: int = -1
    ) -> CodeType:
        from tests.windows.marking import marked  # where nothing is kept yet; it takes its time

        code: CodeType = compile(marked(data, self._called, MARKS), path, "exec", dont_inherit=True)
        return code
