"""Builds `fireline-endpoint` for Windows, on Windows (or in the rig), by PyInstaller.

    python tools/windows_exe.py DIST WORK

One folder, never one file: a program in one file unpacks itself at each start into a folder that
others may reach, and every worker is a start. `fireline-endpoint.exe worker` is a worker.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "fireline-endpoint"
# Found by name at run time.
PACKAGES = ("commands", "endpoint_shim.windows")
# Loaded on demand in the middle of a function, or by another library's own name.
ON_DEMAND = ("psutil", "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ec")
NOT_WANTED = ("uvloop", "tkinter", "pytest", "setuptools", "PIL", "numpy", "pkg_resources")


def words(dist: Path, work: Path) -> list[str]:
    """PyInstaller's own words."""
    found = ["--noconfirm", "--onedir", "--console", "--log-level", "WARN", "--name", NAME]
    found += ["--distpath", str(dist), "--workpath", str(work), "--specpath", str(work)]
    found += ["--paths", str(ROOT)]
    for package in PACKAGES:
        found += ["--collect-submodules", package]
    for module in ON_DEMAND:
        found += ["--hidden-import", module]
    for module in NOT_WANTED:
        found += ["--exclude-module", module]
    return [*found, str(ROOT / "endpoint_shim" / "__main__.py")]


def main() -> int:
    from PyInstaller.__main__ import run

    run(words(Path(sys.argv[1]), Path(sys.argv[2])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
