"""A broker under many simulated devices, which are processes of their own."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.journeys import fleet
from tests.journeys.rig import House

PROCESSES = 4


class Fleet:
    """A house with so many devices, in processes of their own."""

    def __init__(self, house: House, folder: Path, count: int) -> None:
        self.house, self.folder, self.count = house, folder, count
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        port = int(
            (self.house.home / "fireline.toml").read_text().split("device_port = ")[1].split()[0]
        )
        each = self.count // PROCESSES
        for number in range(PROCESSES):
            argv = [sys.executable, "-I", fleet.__file__, str(self.folder), f"127.0.0.1:{port}"]
            self._processes.append(
                subprocess.Popen([*argv, str(number * each), str(each)], stdin=subprocess.DEVNULL)
            )

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """They hear everything and say nothing."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGCONT)

    def kill_one(self) -> None:
        """One process of them, and all its devices."""
        process = self._processes.pop()
        process.kill()
        process.wait()

    def lines(self) -> int:
        """How many lines there were ever."""
        place = f"file:{self.house.home}/fireline.db?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as store:
            found = store.execute("SELECT count(*) FROM records WHERE kind = 'line_up'").fetchone()
            return int(found[0])

    def online(self) -> int:
        return sum(row["online"] for row in self.house.rows("devices"))
