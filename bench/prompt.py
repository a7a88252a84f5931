"""From the client's start to the first prompt, and `processes` beside `ps`."""

import subprocess
import time

from bench.fireline import Fireline
from bench.peers import Peers
from bench.table import Row, Timed, alternate, middle, ms
from bench.terminal import Terminal

SHELL = (b"# ", b"$ ")
READ_ON_S = 0.05


def prompt(fireline: Fireline, peers: Peers, quick: bool) -> list[Row]:
    """Medians of clients that start in turn."""
    rounds = 5 if quick else 15
    device = fireline.device
    wanted = SHELL[0] if peers_are_root() else SHELL[1]
    console = fireline.ssh(f"connect {device}", terminal=True)
    shell = fireline.ssh(f"shell {device}", terminal=True)
    jumped = peers.ssh("jumped", terminal=True)
    listed = fireline.on("processes")
    ps = ["ps", "aux"]
    opened = alternate(
        rounds,
        {
            "console": lambda: _shown(console, b" />"),
            "shell": lambda: _shown(shell, wanted),
            "jumped": lambda: _shown(jumped, wanted),
        },
    )
    cold = alternate(rounds, {"ours": _run(listed), "theirs": _run(peers.ssh("jumped", *ps))})
    kept = _on_an_open_console(console, peers.ssh("kept", *ps), rounds)
    theirs = opened["jumped"]
    return [
        _row("connect to the console's first prompt", opened["console"], "`ssh -J`", theirs, 0.25),
        _row("connect to the first prompt in `shell`", opened["shell"], "`ssh -J`", theirs, None),
        _row(
            "`processes` by exec, cold", cold["ours"], "`ssh -J` … `ps aux`", cold["theirs"], 0.35
        ),
        _row(
            "`processes` on an open console",
            kept["ours"],
            "`ps aux` over ControlMaster",
            kept["theirs"],
            0.5,
        ),
    ]


def peers_are_root() -> bool:
    return subprocess.run(["id", "-u"], capture_output=True, check=True).stdout == b"0\n"


def _row(what: str, ours: list[float], beside: str, theirs: list[float], aim: float | None) -> Row:
    mine, other = middle(ours), middle(theirs)
    return Row(what, ms(mine), beside, ms(other), mine / other, aim)


def _shown(argv: list[str], wanted: bytes) -> float:
    began = time.perf_counter()
    with Terminal(argv) as terminal:
        terminal.until(wanted)
        took = time.perf_counter() - began
        terminal.drain(READ_ON_S)
        terminal.leave()  # a session whose client vanishes stays open for its person
    return took


def _run(argv: list[str]) -> Timed:
    def run() -> float:
        began = time.perf_counter()
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    return run


def _on_an_open_console(console: list[str], kept: list[str], rounds: int) -> dict[str, list[float]]:
    """Both connections stand already; the first of each is not counted."""
    with Terminal(console) as terminal:
        terminal.until(b" />")
        terminal.drain(READ_ON_S)

        def typed() -> float:
            began = time.perf_counter()
            # A few rows, the whole work: what pages on a screen is not what is measured.
            terminal.write(b"processes > bench.txt\r")
            terminal.until(b"\x1b]133;D;0")
            took = time.perf_counter() - began
            terminal.drain(READ_ON_S)
            return took

        ways = {"ours": typed, "theirs": _run(kept)}
        for way in ways.values():
            way()
        return alternate(rounds, ways)
