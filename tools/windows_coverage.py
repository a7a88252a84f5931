"""Prints how much of the Windows half ran in the rig, and fails under the least that is allowed.

    python tools/windows_coverage.py FOLDER

FOLDER holds what the processes of the rig noted ($FIRELINE_COVERAGE, tests/windows/measuring.py).
To standard error: the last line of `make test` on standard output is pytest's own.
"""

import contextlib
import os
import sys
from pathlib import Path

LEAST = 75
ROOT = Path(__file__).resolve().parent.parent
HALF = ("endpoint_shim/windows/*", "endpoint_shim/terminal/windows*")


def main() -> int:
    folder = Path(sys.argv[1])
    noted = sorted(folder.glob("windows.*")) if folder.is_dir() else []
    if not noted:
        print("windows: no line was measured; the Windows half did not run", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    with contextlib.redirect_stdout(sys.stderr):
        share = measured(noted, folder / "combined")
    print(f"windows: {share:.1f} % of the Windows half's lines ran in the rig", file=sys.stderr)
    if share < LEAST:
        print(f"windows: at least {LEAST} % are wanted", file=sys.stderr)
        return 1
    return 0


def measured(noted: list[Path], place: Path) -> float:
    """Puts together what the processes noted, prints the table, and gives the share in percent."""
    from coverage import Coverage

    ran: dict[str, set[int]] = {}
    for one in noted:
        for line in one.read_text("utf-8").splitlines():
            file, first, last = line.split(":")
            ran.setdefault(str(ROOT / file), set()).update(range(int(first), int(last) + 1))
    found = Coverage(
        data_file=str(place), config_file=False, include=[str(ROOT / one) for one in HALF]
    )
    found.get_data().add_lines(ran)
    for path in (path for one in HALF for path in ROOT.glob(f"{one}.py")):
        found.get_data().touch_file(str(path))  # one that no process has loaded counts as well
    return found.report(skip_empty=True, show_missing=True)


if __name__ == "__main__":
    sys.exit(main())
