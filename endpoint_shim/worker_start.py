"""The worker's program, and how the device's programs load their modules: as fast as they can, for
a person waits meanwhile.

1. While it loads nothing is garbage, so nothing is looked for; what is loaded then stays for good
   and is never looked through again (a pause less while a key is on its way).
2. What a library imports and does not need here is loaded when it is first asked for.
"""

import contextlib
import gc
import sys
import types
from collections.abc import Iterator
from typing import Any


class Metadata(types.ModuleType):
    """`importlib.metadata`, which loads sixty modules, when something of it is asked for.

    websockets imports it for its version, and then asks only where that was never released.
    """

    def __getattr__(self, name: str) -> Any:
        del sys.modules[self.__name__]
        from importlib import metadata

        return getattr(metadata, name)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While a program's modules are loaded."""
    gc.disable()
    sys.modules.setdefault("importlib.metadata", Metadata("importlib.metadata"))
    yield
    gc.freeze()
    gc.enable()


def load() -> types.ModuleType:
    """The worker's module, with all that it imports."""
    with loading():
        from endpoint_shim import worker
    return worker


def main() -> None:
    """The worker as a program."""
    load().main()


if __name__ == "__main__":
    main()
