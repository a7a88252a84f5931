"""What a device pays while nobody looks: the supervisor's memory and its share of a core."""

import subprocess
import sys
import time

import psutil

from bench.fireline import Fireline
from bench.table import Row

MIB = 1 << 20


def idle(fireline: Fireline, quick: bool) -> list[Row]:
    """Read from outside; the bare interpreter is what anything in Python costs."""
    seconds = 5 if quick else 30
    shim, broker = psutil.Process(fireline.supervisor), psutil.Process(fireline.broker)
    before = _cpu(shim), _cpu(broker)
    time.sleep(seconds)  # nothing happens, and that is what is measured
    spent = [(_cpu(one) - was) / seconds for one, was in zip((shim, broker), before, strict=True)]
    return [
        Row("supervisor idle, RSS", _rss(shim.pid), "bare `python -I` (aim 32 MiB)", _bare()),
        Row("supervisor idle, of a core", f"{spent[0]:.2%}", "aim 0.1 %", ""),
        Row("broker with one idle device, RSS", _rss(broker.pid), "", ""),
        Row("broker with one idle device, of a core", f"{spent[1]:.2%}", "", ""),
    ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss(pid: int) -> str:
    return f"{psutil.Process(pid).memory_info().rss / MIB:.1f} MiB"


def _bare() -> str:
    words = [sys.executable, "-I", "-c", "print(flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        found = _rss(bare.pid)
        bare.communicate(b"\n")
    return found
