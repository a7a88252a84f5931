"""What a restriction costs each program that starts: with the enforcer, and on the same device
without one, in turn. The device is an overlay in namespaces of its own; nothing else is held."""

import os
from pathlib import Path

from bench.table import Row, high, middle, ms
from tests.endpoint_shim.linux.restricted import Box

COLD = (
    *("arch", "base64", "basename", "cat", "comm", "cp", "cut", "date", "df", "du", "env", "expr"),
    *("head", "hostname", "id", "join", "ln", "md5sum", "mktemp", "nice", "nl", "nproc", "od"),
    *(
        "paste",
        "pr",
        "printf",
        "rm",
        "seq",
        "sort",
        "stat",
        "sum",
        "tac",
        "tail",
        "tr",
        "wc",
        "who",
    ),
)
"""Small programs, each started once: nothing is known of them yet but their packages' lists."""
WARM = {"a program": ["/usr/bin/true"], "an interpreter": ["/usr/bin/dash", "-c", ":"]}

Both = tuple[list[float], list[float]]
"""Without the enforcer, and with it."""


def restrict(folder: Path, quick: bool) -> list[Row]:
    """A program that is started again and again, an interpreter, and programs never seen before."""
    if os.geteuid() != 0:
        return [Row("restriction, cost of a start", "not root", "", "")]
    times, turns = (50, 2) if quick else (200, 5)
    warm: dict[str, Both] = {name: ([], []) for name in WARM}
    cold: Both = ([], [])
    box = Box(folder)
    try:
        for name in COLD:
            box.ask("time", [f"/usr/bin/{name}", "--version"], 1)
        for _ in range(turns):
            for held in (0, 1):
                if held:
                    box.ask("start")
                for name in COLD:
                    cold[held].extend(box.ask("time", [f"/usr/bin/{name}", "--version"], 1))
                for what, words in WARM.items():
                    box.ask("time", words, 5)
                    warm[what][held].extend(box.ask("time", words, times))
            box.ask("stop")
    finally:
        box.close()
    rows = [row for what, both in warm.items() for row in _rows(f"start {what}", both)]
    return [*rows, *_rows("start a program for the first time", cold)]


def _rows(what: str, both: Both) -> list[Row]:
    return [
        Row(
            f"{what}, restricted, {name}",
            ms(with_it := figure(both[1])),
            "no enforcer",
            ms(without := figure(both[0])),
            with_it / without,
        )
        for name, figure in (("p50", middle), ("p99", high))
    ]
