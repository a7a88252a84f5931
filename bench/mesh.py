"""Fireline beside MeshCentral: a terminal's echo with and without its recording, and files."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.echo import LINE, key, ready
from bench.fireline import Fireline
from bench.mesh_client import MeshTerminal, Place, fetched, sent
from bench.meshcentral import MissingPeer, installed, meshcentral
from bench.table import Row, alternate, high, middle, ms
from bench.terminal import Terminal
from bench.transfer import MIB, made, speed

KINDS = {"MeshCentral, recorded": True, "MeshCentral, not recorded": False}


def mesh(fireline: Fireline, folder: Path, quick: bool) -> list[Row]:
    """Nothing, with the reason on standard error, where MeshCentral cannot run."""
    try:
        program = installed()
        with ExitStack() as stack:
            places = {
                name: stack.enter_context(meshcentral(program, folder / str(on), recorded=on))
                for name, on in KINDS.items()
            }
            return [*_echo(fireline, places, 200 if quick else 600), *_files(places, folder, quick)]
    except MissingPeer as missing:
        print(missing, file=sys.stderr)
        return []


def _echo(fireline: Fireline, places: dict[str, Place], keys: int) -> list[Row]:
    took: dict[str, list[float]] = {name: [] for name in ("ours", *places)}
    with ExitStack() as stack:
        argv = fireline.ssh(f"shell {fireline.device}", terminal=True)
        opened: list[tuple[str, Terminal | MeshTerminal]] = [
            ("ours", stack.enter_context(Terminal(argv)))
        ]
        for name, place in places.items():
            opened.append((name, stack.enter_context(MeshTerminal(place))))
        for _, terminal in opened:
            ready(terminal)
        for turn in range(keys):
            for name, terminal in opened:
                took[name].append(key(terminal, bytes([97 + turn % 26])))
                if turn % LINE == LINE - 1:
                    terminal.write(b"\n")
                    terminal.drain(0.03)
    ours = took["ours"]
    return [
        row
        for name in places
        for row in (
            Row(
                "echo in `shell`, recorded, p50", ms(middle(ours)), name,
                ms(middle(took[name])), middle(ours) / middle(took[name]),
            ),
            Row("… p99", ms(high(ours)), name, ms(high(took[name])), high(ours) / high(took[name])),
        )
    ]  # fmt: skip


def _files(places: dict[str, Place], folder: Path, quick: bool) -> list[Row]:
    """Its own speeds: `transfer` has ours, of the same size and in the same run."""
    size = (32 if quick else 256) * MIB
    source, there = folder / "source", folder / "there"
    made(source, size)
    place = places["MeshCentral, not recorded"]

    def down() -> float:
        began = time.perf_counter()
        fetched(place, source, there)
        return _whole(began, source, there)

    def up() -> float:
        began = time.perf_counter()
        sent(place, source, folder, there.name)
        return _whole(began, source, there)

    took = alternate(1 if quick else 2, {"down": down, "up": up})
    named = f"of {size // MIB} MiB"
    return [
        Row(f"its download {named}", "", "MeshCentral", speed(size, middle(took["down"]))),
        Row(f"its upload {named}", "", "MeshCentral", speed(size, middle(took["up"]))),
    ]


def _whole(began: float, source: Path, there: Path) -> float:
    took = time.perf_counter() - began
    until = time.monotonic() + 10
    while there.stat().st_size < source.stat().st_size and time.monotonic() < until:
        time.sleep(0.01)  # its agent writes behind its last acknowledgement
    if there.read_bytes() != source.read_bytes():
        print("MeshCentral's copy differs from its source", file=sys.stderr)
    there.unlink()
    return took
