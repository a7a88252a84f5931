"""Whether a program that nobody knows is really refused here: tried, not believed."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from endpoint_shim.linux.spawn import ENVIRONMENT

HARMLESS = "/bin/true"
NAME = "probe"
RUN_S, LOOK_S = 30.0, 0.1


def is_refused(folder: Path, patience_s: float) -> bool:
    """Tries a copy of a harmless program until it does not start, or that long."""
    probe = folder / NAME
    shutil.copyfile(os.path.realpath(HARMLESS), probe)
    probe.chmod(0o700)
    until = time.monotonic() + patience_s
    try:
        while True:
            try:
                subprocess.run([probe], timeout=RUN_S, check=False, env=ENVIRONMENT)
            except PermissionError:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
    finally:
        probe.unlink(missing_ok=True)
