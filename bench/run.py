"""`make bench`: Fireline beside what a user would pick instead, in one run, in turn.

As root it runs in a mount namespace of its own where root's shell start-up files are empty: what
they start would otherwise be measured as ssh's time.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.busy import busy
from bench.collect import collect
from bench.devices import devices, many
from bench.echo import echo
from bench.fireline import Fireline, fireline
from bench.flood import flood
from bench.idle import idle
from bench.isolate_many import isolate_many
from bench.isolation import isolation
from bench.mesh import mesh
from bench.peers import Peers, peers
from bench.plot import plot
from bench.prompt import prompt
from bench.records import records
from bench.restrict import restrict
from bench.table import Row, table
from bench.transfer import transfer

INSIDE = "--inside"
START_UP = (".bashrc", ".profile", ".bash_profile", ".bash_login")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(FIGURES), help="only these")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 128 MiB: a look")
    parser.add_argument("--svg", type=Path, help="draw those with an aim into this file too")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if os.geteuid() == 0 and not asked.inside:
        words = ["unshare", "-m", sys.executable, "-I", __file__, INSIDE, *sys.argv[1:]]
        return subprocess.run(words, check=False).returncode
    if asked.inside:
        _empty_start_up_files()
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="fireline-bench-") as folder:
        rows, failed = measured(Path(folder), asked.only or list(FIGURES), asked.quick)
    print(where := machine())
    print()
    if asked.svg is not None:
        asked.svg.write_text(plot(rows, where))
    print(table(rows))
    return 1 if failed else 0


def measured(folder: Path, names: list[str], quick: bool) -> tuple[list[Row], list[str]]:
    """All rows; what is measured, and each figure as it comes, is said on standard error: a run
    that breaks off half-way has not measured for nothing. And what could not be measured."""
    rows: list[Row] = []
    failed: list[str] = []
    with peers(folder / "peers") as other, fireline(folder / "state") as ours:
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            (folder / name).mkdir()
            try:
                found = FIGURES[name](ours, other, folder / name, quick)
            except (OSError, subprocess.SubprocessError, SystemExit) as error:
                print(f"{name} was not measured: {error}", file=sys.stderr, flush=True)
                failed.append(name)
                continue
            rows += found
            print(table(found), file=sys.stderr, flush=True)
    return rows, failed


Figure = Callable[[Fireline, Peers, Path, bool], list[Row]]
FIGURES: dict[str, Figure] = {
    "echo": lambda ours, other, folder, quick: echo(ours, other, quick),
    "flood": lambda ours, other, folder, quick: flood(ours, other, quick),
    "busy": busy,
    "prompt": lambda ours, other, folder, quick: prompt(ours, other, quick),
    "transfer": transfer,
    "mesh": lambda ours, other, folder, quick: mesh(ours, folder, quick),
    "records": lambda ours, other, folder, quick: records(folder, quick),
    "devices": lambda ours, other, folder, quick: devices(folder, quick),
    "collect": collect,
    "restrict": lambda _, other, folder, quick: restrict(folder, quick),
    "isolation": lambda _, other, folder, quick: isolation(folder, other, quick),
    "many": lambda ours, other, folder, quick: many(folder, quick),
    "isolate-many": lambda ours, other, folder, quick: isolate_many(folder, quick),
    "idle": lambda ours, other, folder, quick: idle(ours, quick),
}


def machine() -> str:
    """Where these figures are from."""
    with open("/proc/cpuinfo") as info:
        models = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    load = os.getloadavg()[0]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%MZ")
    return (
        f"{when}: {len(models)} × {models[0] if models else platform.machine()}, {memory} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}, "
        f"load {load:.1f} at the end"
    )


def _empty_start_up_files() -> None:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for name in START_UP:
        path = Path.home() / name
        if path.exists():
            subprocess.run(["mount", "--bind", "/dev/null", str(path)], check=True)


if __name__ == "__main__":
    sys.exit(main())
