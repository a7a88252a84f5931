"""A broker that is broken on purpose: it calls a recording safe that was never fsynced."""

import os
import sys

from server.__main__ import main
from server.audit import syncing


class _Os:
    """`os` as the recordings' syncing sees it."""

    write, ftruncate = staticmethod(os.write), staticmethod(os.ftruncate)

    @staticmethod
    def fdatasync(descriptor: int) -> None:
        os.fstat(descriptor)


if __name__ == "__main__":
    vars(syncing)["os"] = _Os
    sys.exit(main())
