"""Asks one mount whether it answers, in a process that may hang: it ends when the mount has.

Also the program of that process (`python -I -m endpoint_shim.linux.asker MOUNT`). `statvfs` goes
to whoever serves the mount; what a stat gives may be the kernel's own memory of it.
"""

import contextlib
import os
import subprocess
import sys

from endpoint_shim.linux.child import Child
from endpoint_shim.linux.spawn import ENVIRONMENT


def start(mount: str) -> Child:
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "endpoint_shim.linux.asker", mount],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=ENVIRONMENT,
        cwd="/",
    )
    return Child(process.pid, process.poll)


if __name__ == "__main__":
    with contextlib.suppress(OSError):  # an error is an answer too
        os.statvfs(sys.argv[1])
