"""A terminal that floods: what it does to a neighbour, to a Ctrl-C, and what a paste comes to."""

import hashlib
import os
import select
import threading
import time
from contextlib import ExitStack

from bench.echo import key, ready
from bench.fireline import Fireline
from bench.peers import Peers
from bench.table import Row, alternate, high, middle, ms
from bench.terminal import Terminal
from bench.transfer import MIB

LINE = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
FLOOD = b"yes 0123456789012345678901234567890123456789\n"
READ = 16_384
BEFORE_S = 4.0
"""A slow reader reads so long before it presses Ctrl-C: all that can be buffered is."""


def flood(fireline: Fireline, peers: Peers, quick: bool) -> list[Row]:
    """Both sides in turn; a paste that does not arrive whole ends the bench."""
    ours = fireline.ssh(f"shell {fireline.device}", terminal=True)
    theirs = peers.ssh("jumped", terminal=True)
    rounds = 1 if quick else 3
    return [
        *_beside(ours, theirs, 100 if quick else 400, rounds),
        _ctrl_c(ours, theirs, rounds),
        _paste(ours, theirs, 256 << 10, rounds),
        _paste(ours, theirs, (4 if quick else 16) * MIB, 1),
    ]


def _beside(ours: list[str], theirs: list[str], keys: int, rounds: int) -> list[Row]:
    """Echo beside a flooding session of the same person on the same device, of the same kind."""
    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, argv in (("ours", ours), ("theirs", theirs)):
            took[name] += _keys_beside(argv, keys)
    mine, other = took["ours"], took["theirs"]
    what = "echo beside a session that floods"
    return [
        Row(
            f"{what}, p50", ms(middle(mine)), "`ssh -J`", ms(middle(other)),
            middle(mine) / middle(other), 2.0,
        ),
        Row("… p99", ms(high(mine)), "`ssh -J`", ms(high(other)), high(mine) / high(other), 2.0),
    ]  # fmt: skip


def _keys_beside(argv: list[str], keys: int) -> list[float]:
    with ExitStack() as stack:
        quiet = stack.enter_context(Terminal(argv))
        loud = stack.enter_context(Terminal(argv))
        ready(quiet)
        loud.write(b"printf 'IS''READY\\n'\n")
        loud.until(b"ISREADY")
        loud.write(FLOOD)
        over = threading.Event()
        reading = threading.Thread(target=swallow, args=(loud, over))
        reading.start()
        try:
            return [key(quiet, bytes([97 + turn % 26])) for turn in range(keys)]
        finally:
            over.set()
            reading.join()


def swallow(terminal: Terminal, over: threading.Event) -> None:
    """Reads what a terminal shows, until it is over."""
    while not over.is_set():
        if select.select([terminal.fd], [], [], 0.1)[0]:
            os.read(terminal.fd, 65_536)


def _ctrl_c(ours: list[str], theirs: list[str], rounds: int) -> Row:
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, argv in (("ours", ours), ("theirs", theirs)):
            took[name].append(_stopped(argv))
    mine, other = (middle([seconds for seconds, _ in took[name]]) for name in ("ours", "theirs"))
    after = [f"{middle([size for _, size in took[name]]):.1f} MiB" for name in ("ours", "theirs")]
    return Row(
        "Ctrl-C in a flood, reader of 1 MiB/s; what still comes",
        f"{mine:.2f} s; {after[0]}", "`ssh -J`", f"{other:.2f} s; {after[1]}", mine / other, 1.0,
    )  # fmt: skip


def _stopped(argv: list[str], rate: int = MIB) -> tuple[float, float]:
    """Seconds from the key to the next command's answer, and the MiB that came in between."""
    with Terminal(argv) as terminal:
        terminal.write(b"printf 'IS''READY\\n'\n")
        terminal.until(b"ISREADY")
        terminal.write(FLOOD)
        seen, tail, began = 0, b"", time.perf_counter()
        pressed, before = 0.0, 0
        while True:
            data = os.read(terminal.fd, READ)
            seen += len(data)
            tail = tail[-16:] + data
            now = time.perf_counter() - began
            if not pressed and now > BEFORE_S:
                terminal.write(b"\x03")
                terminal.write(b"echo STOP''PED\n")
                pressed, before = now, seen
            if pressed and b"STOPPED" in tail:
                return now - pressed, (seen - before) / MIB
            time.sleep(max(0.0, seen / rate - now))  # the reader's own pace


def _paste(ours: list[str], theirs: list[str], size: int, rounds: int) -> Row:
    took = alternate(
        rounds, {"ours": lambda: _pasted(ours, size), "theirs": lambda: _pasted(theirs, size)}
    )
    mine, other = middle(took["ours"]), middle(took["theirs"])
    named = f"{size >> 10} KiB" if size < MIB else f"{size // MIB} MiB"
    return Row(
        f"paste of {named}, whole by digest", f"{mine:.2f} s", "`ssh -J`", f"{other:.2f} s",
        mine / other,
    )  # fmt: skip


def _pasted(argv: list[str], size: int) -> float:
    text = LINE * (size // len(LINE))
    with Terminal(argv) as terminal:
        terminal.write(b"PS1=''; stty -echo; printf 'IS''READY\\n'\n")
        terminal.until(b"ISREADY")
        terminal.write(b"head -c %d | sha256sum; echo PAS''TED\n" % len(text))
        terminal.drain(0.3)
        began = time.perf_counter()
        terminal.write_all(text)
        seen = terminal.until(b"PASTED", 300)
        took = time.perf_counter() - began
    if hashlib.sha256(text).hexdigest().encode() not in seen:
        raise SystemExit(f"{argv}: a paste of {size} bytes did not arrive whole")
    return took
