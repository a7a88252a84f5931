"""Builds `fireline-endpoint` for Windows, on Windows (or in the rig), by PyInstaller.

    python tools/windows_exe.py DIST WORK

One folder, never one file: a program in one file unpacks itself at each start into a folder that
others may reach, and every worker is a start. `fireline-endpoint.exe worker` is a worker.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "fireline-endpoint"
# Found by name at run time.
PACKAGES = (
    "commands",
    "endpoint_shim/collecting",
    "endpoint_shim/windows",
    "endpoint_shim/terminal",
)
# Loaded on demand in the middle of a function, or by another library's own name.
ON_DEMAND = (
    *("psutil", "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ec"),
    *("cryptography.hazmat.primitives.asymmetric.utils", "xlwt", "yaml"),
)
RECIPES = "endpoint_shim/recipes"
NOT_WANTED = ("uvloop", "tkinter", "pytest", "setuptools", "PIL", "numpy", "pkg_resources")


def words(dist: Path, work: Path) -> list[str]:
    """PyInstaller's own words."""
    found = ["--noconfirm", "--onedir", "--console", "--log-level", "WARN", "--name", NAME]
    found += ["--distpath", str(dist), "--workpath", str(work), "--specpath", str(work)]
    found += ["--paths", str(ROOT), "--add-data", f"{ROOT / RECIPES};{RECIPES}"]
    # Named one by one: --collect-submodules starts a process for each package.
    for module in (*ON_DEMAND, *(name for package in PACKAGES for name in modules(package))):
        found += ["--hidden-import", module]
    for path in sorted((ROOT / "endpoint_shim/windows").glob("*.ps1")):
        found += ["--add-data", f"{path}{os.pathsep}endpoint_shim/windows"]
    for module in NOT_WANTED:
        found += ["--exclude-module", module]
    return [*found, str(ROOT / "endpoint_shim" / "__main__.py")]


def modules(package: str) -> list[str]:
    """The modules of a package of ours, but for Linux's side of it."""
    paths = sorted((ROOT / package).rglob("*.py"))
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in paths]
    return [n for n in names if not n.endswith((".__init__", ".posix", ".plain"))]


def main() -> int:
    from PyInstaller.__main__ import run

    run(words(Path(sys.argv[1]), Path(sys.argv[2])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
