"""The guard's program: loaded as the worker's is, and before all else that runs on the device.

Until it is loaded nothing is isolated, and what keeps the device busy may be what it is isolated
for. Then it is as ordinary as everything else.
"""

import contextlib
import sys
import types

from endpoint_shim.worker_start import loading


def load() -> types.ModuleType:
    """The guard's module, with all that it imports."""
    with loading(), _first():
        from endpoint_shim import guard
    return guard


def _first() -> contextlib.AbstractContextManager[None]:
    if sys.platform == "win32":
        return contextlib.nullcontext()
    from endpoint_shim.linux import priority

    return priority.first()


def main() -> None:
    """The guard as a program."""
    load().main()


if __name__ == "__main__":
    main()
