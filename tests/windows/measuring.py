"""In Windows Python: notes which lines of the Windows half run, in every process of the rig.

1. Started from a `.pth` file, for supervisors and workers are started with `-I` and an environment
   of their own.
2. Saved every SAVE_S too: a process that is killed has no last words.
"""

import atexit
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from coverage import Coverage

SAVE_S = 2.0
HALF = ("endpoint_shim/windows/*", "endpoint_shim/terminal/windows*")


def start(folder: str, root: str) -> None:
    """Measures this process from now on; what it finds lies in `folder`, a file a process."""
    import coverage

    found = coverage.Coverage(
        data_file=str(Path(folder) / "windows"),
        data_suffix=True,
        auto_data=True,
        config_file=False,
        messages=False,
        include=[f"{root}/{one}".replace("/", "\\") for one in HALF],
    )
    # One that has not come to our lines yet; pytest would take the warning for a failure.
    found.set_option("run:disable_warnings", ["no-data-collected"])
    # Workers end by os._exit: this saves before it (coverage's own patch of it).
    found.set_option("run:patch", ["_exit"])
    found.start()
    _keep_saving(found)


def _keep_saving(found: "Coverage") -> None:
    """Never while the process ends: SQLite in a thread then is a fault in Wine."""
    over, saving = threading.Event(), threading.Lock()

    def save() -> None:
        while not over.wait(SAVE_S):
            with saving:
                found.save()

    thread = threading.Thread(target=save, daemon=True)
    leave = os._exit

    def stop() -> None:
        over.set()
        thread.join()

    def leave_alone(status: int) -> NoReturn:
        with saving:
            leave(status)

    atexit.register(stop)
    os._exit = leave_alone
    thread.start()
