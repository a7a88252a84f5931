"""The quick gate: format, lint, types on both platforms, then architecture and unit tests.

`check.py` runs all of it, `check.py static` leaves the tests out, `check.py static collection`
finds them, so that whoever runs them later has them compiled: five at once would each do it.
Everything is run even when one part fails, so one run shows all that is wrong.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOMS = ("commands", "server", "endpoint_shim", "scripts_library")
UNIT = "not journey and not windows and not slow and not soak"


def python(*words: str) -> list[str]:
    return [sys.executable, "-I", "-m", *words]


def static() -> dict[str, list[str]]:
    rooms = [room for room in ROOMS if Path(room).is_dir()]
    rest = [folder for folder in ("tests", "tools", "bench") if Path(folder).is_dir()]
    return {
        "format": python("ruff", "format", "--check", "--output-format=concise", "--quiet", "."),
        "lint": python("ruff", "check", "--output-format=concise", "--quiet", "."),
        "types": python(
            "mypy",
            "--no-error-summary",
            "--exclude=^(endpoint_shim/(windows/|terminal/windows)|tests/windows/inside/|tools/windows_(check|collected|contained|report))",
            *rooms,
            *rest,
        ),
        # The Windows half is read as Windows sees it: sys.platform decides what mypy looks at.
        "types on Windows": python(
            "mypy",
            "--no-error-summary",
            "--platform=win32",
            "--exclude=^endpoint_shim/(linux/|terminal/(posix|plain))",
            "--cache-dir=.mypy_cache/windows",
            *(room for room in rooms if room in ("commands", "endpoint_shim")),
            *(room for room in ("tests/windows/inside",) if Path(room).is_dir()),
            "tools/windows_check.py",
            "tools/windows_collected.py",
            "tools/windows_contained.py",
        ),
    }


def main() -> int:
    os.chdir(Path(__file__).resolve().parent.parent)
    began = time.monotonic()
    checks = static()
    if "collection" in sys.argv[1:]:
        checks["collection"] = python("pytest", "--collect-only", "-qq")
    running = {
        name: subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for name, words in checks.items()
    }
    failed = []
    for name, process in running.items():
        output = process.communicate()[0].decode(errors="replace")
        print(f"{name}: {'ok' if process.returncode == 0 else 'FAILED'}", flush=True)
        if process.returncode:
            failed.append(name)
            print(output, flush=True)
    if "static" not in sys.argv[1:]:
        tests = python("pytest", "-q", "--timeout=30", "-n", "2", "--dist", "loadgroup", "-m", UNIT)
        if subprocess.run(tests, stdin=subprocess.DEVNULL).returncode:
            failed.append("tests")
    took = f"{time.monotonic() - began:.0f} s"
    if failed:
        print(f"check: {', '.join(failed)} failed ({took})", file=sys.stderr)
        return 1
    print(f"check: all ok ({took})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
