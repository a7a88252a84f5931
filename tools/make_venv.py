"""Makes the virtual environment from a lock with hashes, and says by name what is missing.

Plain Python of any version, nothing but the standard library: it runs before anything is there.
"""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    folder, lock = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.version_info < (3, 11):
        return refuse(
            f"Fireline needs Python 3.11 or newer, this is {sys.version.split()[0]}",
            "apt-get install python3.11 python3.11-venv",
        )
    try:
        import ensurepip
        import venv  # noqa: F401  # Debian ships python3 without these two
    except ImportError:
        return refuse("Python's venv module is missing", f"apt-get install {venv_package()}")
    del ensurepip
    python = folder / "bin" / "python"
    if not works(python):
        print(f"making {folder} with Python {sys.version.split()[0]} ...", flush=True)
        if run([sys.executable, "-m", "venv", "--clear", str(folder)]):
            return refuse(
                "making the virtual environment failed", f"apt-get install {venv_package()}"
            )
    print(f"installing what {lock} names ...", flush=True)
    # The lock names every file's hash and the build backend, so nothing is resolved or built apart.
    # -qq: errors only; pip warns about every search place of the machine's own settings.
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    pip += ["--no-deps"]
    if run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]):
        return refuse(f"installing {lock} failed", "see pip's words above")
    if run([*pip, "--no-build-isolation", "--editable", "."]):
        return refuse("installing fireline itself failed", "see pip's words above")
    return 0


def works(python: Path) -> bool:
    """Whether the environment's Python starts and has pip: it may be half made or its base gone."""
    try:
        answer = subprocess.run([str(python), "-I", "-c", "import pip"], capture_output=True)
    except OSError:
        return False
    return answer.returncode == 0


def venv_package() -> str:
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def run(words: list[str]) -> int:
    return subprocess.run(words).returncode


def refuse(what: str, remedy: str) -> int:
    print(f"make venv: {what}: {remedy}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
