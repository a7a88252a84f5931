"""A keystroke's round trip beside 20 busy sessions and four transfers, each side with its own."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.echo import key, ready
from bench.fireline import Fireline
from bench.flood import swallow
from bench.peers import Peers
from bench.table import Row, high, middle, ms
from bench.terminal import Terminal
from bench.transfer import MIB, made

WORK = b"while sleep 0.1; do ps -e | head -20; done\n"
"""A person who looks at things; floods have figures of their own."""


def busy(fireline: Fireline, peers: Peers, folder: Path, quick: bool) -> list[Row]:
    sessions, transfers = (5, 2) if quick else (20, 4)
    source = folder / "source"
    made(source, (256 if quick else 1024) * MIB)
    ours = fireline.ssh(f"shell {fireline.device}", terminal=True)
    theirs = peers.ssh("jumped", terminal=True)
    fetched = {
        "ours": [fireline.on("getfile", str(source))] * transfers,
        "theirs": [
            peers.copy("scp", f"jumped:{source}", str(folder / f"there{n}"))
            for n in range(transfers)
        ],
    }
    took: dict[str, list[float]] = {}
    for name, argv in (("theirs", theirs), ("ours", ours)):
        with _others(argv, sessions), _copies(fetched[name]), Terminal(argv) as terminal:
            ready(terminal)
            took[name] = [key(terminal, bytes([97 + n % 26])) for n in range(200)]
    mine, other = took["ours"], took["theirs"]
    what = f"echo beside {sessions} busy sessions and {transfers} transfers"
    return [
        Row(
            f"{what}, p50", ms(middle(mine)), "`ssh -J`, `scp -J`", ms(middle(other)),
            middle(mine) / middle(other), 2.0,
        ),
        Row(
            "… p95", ms(high(mine, 0.95)), "the same", ms(high(other, 0.95)),
            high(mine, 0.95) / high(other, 0.95), 2.0,
        ),
    ]  # fmt: skip


@contextmanager
def _others(argv: list[str], count: int) -> Iterator[None]:
    over = threading.Event()
    with ExitStack() as stack:
        readers = []
        for _ in range(count):
            terminal = stack.enter_context(Terminal(argv))
            terminal.write(b"printf 'IS''READY\\n'\n")
            terminal.until(b"ISREADY")
            terminal.write(WORK)
            readers.append(threading.Thread(target=swallow, args=(terminal, over)))
            readers[-1].start()
        try:
            yield
        finally:
            over.set()
            for reader in readers:
                reader.join()


@contextmanager
def _copies(ways: list[list[str]]) -> Iterator[None]:
    """Each begins again when it is through, until the block ends."""
    over = threading.Event()

    def again(words: list[str]) -> None:
        while not over.is_set():
            with subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as copy:
                while copy.poll() is None and not over.wait(0.1):
                    pass
                copy.terminate()

    threads = [threading.Thread(target=again, args=(words,)) for words in ways]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
