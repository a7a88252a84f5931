"""The worker's program, and how the device's programs load their modules: as fast as they can, for
a person waits meanwhile.

1. While it loads nothing is garbage, so nothing is looked for; what is loaded then stays for good
   and is never looked through again (a pause less while a key is on its way).
2. What a library imports and does not need here is loaded when it is first asked for.
"""

import contextlib
import gc
import importlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

MORE = (
    "commands.language.desk",
    "encodings.idna",  # a TLS connection asks for it
    "endpoint_shim.files_service",
    "endpoint_shim.linux.connections",
    "endpoint_shim.linux.files",
    "endpoint_shim.linux.groups",
    "endpoint_shim.linux.processes",
    "endpoint_shim.linux.programs",
    "endpoint_shim.linux.signed_in",
    "endpoint_shim.terminal.posix",
)


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


def load_more() -> None:
    """What a worker on Linux loads only when a command asks for it, and most commands do."""
    with loading():
        for name in MORE:
            importlib.import_module(name)
        sysconfig.get_path("stdlib")  # its first answer is the work of a program's life


def main() -> None:
    """The worker as a program, or on Linux the seed that workers are forked off."""
    worker, words = load(), sys.argv[1:]
    if sys.platform != "win32" and words[0] == "seed":
        with loading():
            from endpoint_shim.children import faster_loop
            from endpoint_shim.linux import seed

            faster_loop()
        seed.serve(int(words[1]), lambda handle: worker.main([str(handle)]), load_more)
    worker.main(words)


if __name__ == "__main__":
    main()
