"""A shim that is broken on purpose: its workers write slowly, and straight into the target."""

import os
import sys
import time

from endpoint_shim import __main__ as shim
from endpoint_shim import children, worker_start
from endpoint_shim.linux.writing import Draft, Place, Unplaced

_write = Draft.write


def _begun_there(new: Unplaced, place: Place) -> None:
    new._place, new._beside = place, b""
    new.file = os.open(place.name, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=place.folder)


def _write_slowly(draft: Draft, data: bytes) -> None:
    _write(draft, data)
    time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        Unplaced.__init__ = _begun_there  # type: ignore[method-assign, assignment]
        Draft.write = _write_slowly  # type: ignore[method-assign, assignment]
        del sys.argv[1]
        worker_start.main()
    children.WORKER = ("-I", __file__, "worker")
    shim.main()
