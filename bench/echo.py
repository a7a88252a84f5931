"""A keystroke's round trip in a recorded `shell`, beside `ssh -J`, key by key in turn."""

import time
from contextlib import ExitStack
from typing import Protocol

from bench.fireline import Fireline
from bench.peers import Peers
from bench.table import Row, high, middle, ms
from bench.terminal import Terminal

LINE = 60
"""Keys after which a line ends: a terminal's line is bounded."""
STALL_S = 0.040


class Typed(Protocol):
    """A terminal, whoever gives it."""

    def write(self, data: bytes) -> None: ...
    def until(self, wanted: bytes) -> bytes: ...
    def drain(self, quiet_s: float = 0.001) -> None: ...


def echo(fireline: Fireline, peers: Peers, quick: bool) -> list[Row]:
    """p50 and p99 over all rounds; each round has clients of its own."""
    ways = {
        "ours": fireline.ssh(f"shell {fireline.device}", terminal=True),
        "theirs": peers.ssh("jumped", terminal=True),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 if quick else 3):
        _round(ways, took, 200 if quick else 600)
    ours, theirs = took["ours"], took["theirs"]
    stalls = {name: sum(one > STALL_S for one in every) for name, every in took.items()}
    beside = "`ssh -J`"
    return [
        Row(
            "keystroke echo in `shell`, recorded, p50",
            ms(middle(ours)),
            beside,
            ms(middle(theirs)),
            middle(ours) / middle(theirs),
            2.0,
        ),
        Row("… p99", ms(high(ours)), beside, ms(high(theirs)), high(ours) / high(theirs), 2.4),
        Row(
            f"… worst; over 40 ms (of {len(ours)})",
            f"{ms(max(ours))}; {stalls['ours']}",
            beside,
            f"{ms(max(theirs))}; {stalls['theirs']}",
        ),
    ]


def _round(ways: dict[str, list[str]], took: dict[str, list[float]], keys: int) -> None:
    with ExitStack() as stack:
        opened = []
        for name, argv in ways.items():
            terminal = stack.enter_context(Terminal(argv))
            ready(terminal)
            opened.append((name, terminal))
        for turn in range(keys):
            for name, terminal in opened[turn % 2 :] + opened[: turn % 2]:
                took[name].append(key(terminal, bytes([97 + turn % 26])))
                if turn % LINE == LINE - 1:
                    terminal.write(b"\n")
                    terminal.drain(0.03)


def ready(terminal: Typed) -> None:
    """`cat` in a plain terminal: what echoes is the kernel, the same on both sides."""
    terminal.write(b"printf 'IS''READY\\n'; exec cat\n")
    terminal.until(b"ISREADY")
    terminal.write(b"LINE\n")
    terminal.until(b"LINE\r\nLINE")
    terminal.drain(0.2)


def key(terminal: Typed, typed: bytes) -> float:
    """The seconds until it shows."""
    terminal.drain()
    began = time.perf_counter()
    terminal.write(typed)
    terminal.until(typed)
    return time.perf_counter() - began
