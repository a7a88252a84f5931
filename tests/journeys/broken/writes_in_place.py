"""A shim that is broken on purpose: its workers write slowly, and straight into the target."""

import os
import sys
import time

from endpoint_shim import __main__ as shim
from endpoint_shim import children, worker
from endpoint_shim.linux.writing import Draft

_write = Draft.write


def _begun_there(draft: Draft) -> int:
    return os.open(draft._name, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=draft._folder)


def _write_slowly(draft: Draft, data: bytes) -> None:
    _write(draft, data)
    time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        Draft._begun = _begun_there  # type: ignore[method-assign, assignment]
        Draft.write = _write_slowly  # type: ignore[method-assign, assignment]
        del sys.argv[1]
        worker.main()
    children.WORKER = ("-I", __file__, "worker")
    shim.main()
